package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strconv"
	"strings"

	"near-idp/internal/limit"
	"near-idp/web/static"
	"near-idp/web/templates"

	"github.com/a-h/templ"
)

// A handler answers a request or says why not, before it has written anything.
type handler func(w http.ResponseWriter, r *http.Request) error

// A renderer writes a failure in the form that its caller understands.
type renderer func(w http.ResponseWriter, r *http.Request, f failure) error

// page serves people: failures are pages, or JSON for who asks for it.
func (s *server) page(h handler) http.Handler {
	return s.handle(s.counted(h), pageHeaders, s.showFailure)
}

// api serves programs of our own and of others: failures are JSON.
func (s *server) api(h handler) http.Handler {
	return s.handle(s.counted(h), apiHeaders, jsonFailure)
}

// oauth serves OAuth clients: failures are those of RFC 6749 section 5.2.
func (s *server) oauth(h handler) http.Handler {
	return s.handle(s.counted(h), apiHeaders, oauthFailure)
}

// counted holds a sender to what it may ask for altogether.
func (s *server) counted(h handler) handler { return s.limited(s.Limits.requests, h) }

// client serves OAuth clients that authenticate, within limits.
func (s *server) client(l *limit.Limiter, h handler) http.Handler {
	return s.oauth(s.limited(l, s.authenticated(h)))
}

// handle is where every error of a handler, and every panic, becomes an answer.
func (s *server) handle(h handler, headers http.Header, render renderer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w, headers)
		err := protect(h, w, r)
		if err == nil {
			return
		}
		f := s.failure(r, err)
		s.failed(r, f, err)
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
		}
		if f.Authenticate != "" {
			w.Header().Set("WWW-Authenticate", f.Authenticate)
		}
		if f.Nonce != "" {
			w.Header().Set(headerNonce, f.Nonce)
		}
		if f.Redirect != "" && f.FormPost == nil {
			redirect(w, f.Redirect)
			return
		}
		answer := render
		if f.FormPost != nil {
			answer = s.postFailure
		}
		if err := answer(w, r, f); err != nil {
			s.Log.ErrorContext(r.Context(), "render a failure", "request_id", entryOf(r).id, "err", err)
		}
	})
}

// A panicked error is a defect; its stack goes to the log and nowhere else.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func (p *panicked) LogValue() slog.Value {
	return slog.StringValue(p.Error() + "\n" + string(p.stack))
}

func protect(h handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch value := recover(); value {
		case nil:
		case http.ErrAbortHandler:
			panic(value)
		default:
			err = &panicked{value, debug.Stack()}
		}
	}()
	return h(w, r)
}

// dispatch answers what no route matches in the same voice as all else, and
// never by a redirect: the mux would send /token/ elsewhere by a 307, with the
// credentials in its body (RFC 9700 section 4.12).
func (s *server) dispatch(mux *http.ServeMux) http.Handler {
	notFound := s.page(func(http.ResponseWriter, *http.Request) error { return errNoPage })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path.Clean(r.URL.Path) && r.URL.Path != s.base+"/" {
			notFound.ServeHTTP(w, r)
			return
		}
		fallback, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		// Only the mux knows which methods a path has; ask its own answer.
		probe := &probe{header: http.Header{}}
		fallback.ServeHTTP(probe, r)
		if allow := probe.header.Get("Allow"); probe.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", allow)
			s.page(func(http.ResponseWriter, *http.Request) error {
				return &problem{status: http.StatusMethodNotAllowed, code: "method_not_allowed",
					detail: "This address takes only " + allow + "."}
			}).ServeHTTP(w, r)
			return
		}
		notFound.ServeHTTP(w, r)
	})
}

type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) WriteHeader(status int)      { p.status = status }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }

// view is what every page begins with. script names a file of web/static, or is empty.
func (s *server) view(r *http.Request, title, script string) templates.Page {
	p := templates.Page{
		Brand:     s.Brand,
		Title:     title,
		Notice:    s.Notice,
		StyleURL:  s.base + static.URL("style.css"),
		IconURL:   s.base + static.URL("icons/provider.svg"),
		RequestID: entryOf(r).id,
		Text:      entryOf(r).reader(),
		Accent:    s.Operator.Color,
		Operator:  s.Operator,
	}
	if r.Method == http.MethodGet && r.URL.RawQuery == "" { // of others, the path alone is not the same page
		p.LanguageURL, p.Here = s.base+"/language", r.URL.EscapedPath()
	}
	if script != "" {
		p.ScriptURL = s.base + static.URL(script)
	}
	return p
}

// render writes a page whole or not at all.
func render(w http.ResponseWriter, r *http.Request, status int, page templ.Component) error {
	var body bytes.Buffer
	if err := page.Render(r.Context(), &body); err != nil {
		return fmt.Errorf("render page: %w", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, _ = body.WriteTo(w) // the reader is gone; there is nobody to tell
	return nil
}

func writeJSON(w http.ResponseWriter, status int, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text)
	return nil
}

// redirect sends a browser on with 303, which turns any method into GET, so
// that nothing posted to us is posted on (RFC 9700 section 4.12).
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// wantsJSON reports a caller that accepts JSON and is no browser looking for a page.
func wantsJSON(r *http.Request) bool {
	accept := strings.ToLower(strings.Join(r.Header.Values("Accept"), ","))
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}

// showFailure is a page for people, or JSON by Accept.
func (s *server) showFailure(w http.ResponseWriter, r *http.Request, f failure) error {
	w.Header().Add("Vary", "Accept")
	if wantsJSON(r) {
		return jsonFailure(w, r, f)
	}
	tone := templates.ToneError
	if f.Status < http.StatusInternalServerError {
		tone = templates.ToneWarning
	}
	reader := entryOf(r).reader()
	message := templates.Message{Page: s.view(r, reader.T(f.Heading), ""), Tone: tone, Heading: reader.T(f.Heading),
		Text: reader.T(f.Text, f.Args...), Detail: f.Code}
	if f.Detail != "" {
		message.Detail += ": " + f.Detail
	}
	if message.ActionURL = s.startAgain(r, f); message.ActionURL != "" {
		message.ActionText = reader.T("Start again")
	}
	return render(w, r, f.Status, templates.MessagePage(message))
}

// postFailure tells an application that wants its answers in a form.
func (s *server) postFailure(w http.ResponseWriter, r *http.Request, f failure) error {
	return s.formPost(w, r, "", f.Redirect, f.FormPost)
}

func jsonFailure(w http.ResponseWriter, r *http.Request, f failure) error {
	return writeJSON(w, f.Status, f.body(r))
}

// oauthFailure is RFC 6749 section 5.2; request_id is an extra member that clients ignore.
func oauthFailure(w http.ResponseWriter, r *http.Request, f failure) error {
	return writeJSON(w, f.Status, map[string]any{
		"error": f.oauthCode(), "error_description": f.description(nil), "request_id": entryOf(r).id,
	})
}

// parseQuery is url.ParseQuery with a sentence for who wrote the query.
func parseQuery(text string) (url.Values, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, &problem{status: http.StatusBadRequest, code: "invalid_request",
			detail: "The request's parameters are not URL-encoded.", err: err}
	}
	return values, nil
}

var errNoPage = &problem{status: http.StatusNotFound, code: "not_found", heading: "Page not found",
	text: "There is nothing at this address.", err: errors.New("no such route")}
