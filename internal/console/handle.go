package console

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"time"

	"near-idp/internal/idp"

	"github.com/a-h/templ"
)

// maxForm bounds what a form posts, in bytes.
const maxForm = 1 << 20

// A handler answers a request or says why not, before it has written anything.
type handler func(w http.ResponseWriter, r *http.Request) error

// headers go with every page. Nothing but our own files runs, loads or is
// asked, and nobody frames us; what the pages show is kept by no cache.
var headers = http.Header{
	"Content-Security-Policy": {"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types 'none'"},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Permissions-Policy":           {"camera=(), microphone=(), geolocation=(), usb=(), hid=(), identity-credentials-get=()"},
	"Referrer-Policy":              {"no-referrer"},
	"Cache-Control":                {"no-store"},
	"X-Content-Type-Options":       {"nosniff"},
	"X-Frame-Options":              {"DENY"},
}

// answer is where every error of a handler, and every panic, becomes a page.
func (s *Server) answer(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range headers {
			w.Header()[name] = values
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		err := protect(h, w, r)
		if err == nil {
			return
		}
		e := entryOf(r)
		f := asFailure(r, err)
		e.reason, e.cause = f.code, err
		if err := s.render(w, r, f.status, failurePage(s.view(r, "", f.heading), f)); err != nil {
			s.Log.ErrorContext(r.Context(), "render a failure", "request_id", e.id, "err", err)
		}
	})
}

func protect(h handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch value := recover(); value {
		case nil:
		case http.ErrAbortHandler:
			panic(value)
		default:
			err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
		}
	}()
	return h(w, r)
}

// own lets through what our own pages send. A page elsewhere could otherwise have an
// administrator's browser make changes.
func (s *Server) own(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.sameOrigin.Check(r); err != nil {
			return &failure{status: http.StatusForbidden, code: "cross_origin", heading: "This came from another site",
				text: "Nothing was changed. Open the page here and try again.", err: err}
		}
		if err := r.ParseForm(); err != nil {
			if _, big := errors.AsType[*http.MaxBytesError](err); big {
				return err
			}
			return &failure{status: http.StatusBadRequest, code: "malformed", heading: "The form could not be read",
				text: "Nothing was changed. Go back and try again.", err: err}
		}
		return h(w, r)
	}
}

// An entry is what a request's log line says beyond what HTTP itself shows.
type entry struct {
	id     string
	actor  string
	reason string
	cause  error
}

type entryKey struct{}

func entryOf(r *http.Request) *entry {
	if e, ok := r.Context().Value(entryKey{}).(*entry); ok {
		return e
	}
	return &entry{}
}

// observe gives each request an id and writes its one log line, which carries the
// route's pattern and nothing of what was sent.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.Now()
		e := &entry{id: rand.Text()}
		ctx := idp.WithOrigin(r.Context(), idp.Origin{RequestID: e.id, Address: sender(r)})
		r = r.WithContext(context.WithValue(ctx, entryKey{}, e))
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		w.Header().Set("X-Request-Id", e.id)
		if s.secure {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		defer func() { s.logRequest(r, e, rec.status, s.Now().Sub(start)) }()
		next.ServeHTTP(rec, r)
	})
}

func (s *Server) logRequest(r *http.Request, e *entry, status int, took time.Duration) {
	attrs := []slog.Attr{
		slog.String("request_id", e.id), slog.String("client", sender(r)), slog.String("route", r.Pattern),
		slog.Int("status", status), slog.Duration("duration", took),
	}
	if e.actor != "" {
		attrs = append(attrs, slog.String("actor", e.actor))
	}
	if e.reason != "" {
		attrs = append(attrs, slog.String("reason", e.reason))
	}
	if e.cause != nil && status < http.StatusInternalServerError {
		attrs = append(attrs, slog.String("cause", e.cause.Error()))
	}
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
		attrs = append(attrs, slog.Any("err", e.cause))
	}
	s.Log.LogAttrs(r.Context(), level, "admin page", attrs...)
}

// A recorder notes the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap serves http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// sender is the other end of the connection.
func sender(r *http.Request) string {
	if pair, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return pair.Addr().Unmap().WithZone("").String()
	}
	return ""
}

// render writes a page whole or not at all.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, page templ.Component) error {
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

// redirect sends a browser on with 303, which turns any method into GET.
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
