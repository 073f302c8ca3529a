package console

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"near-idp/internal/idp"
	"near-idp/internal/observe"

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
		err := observe.Protect(func() error { return h(w, r) })
		if err == nil {
			return
		}
		e := observe.Of(r)
		f := asFailure(r, err)
		e.Reason, e.Cause = f.code, err
		if err := s.render(w, r, f.status, failurePage(s.view(r, "", f.heading), f)); err != nil {
			s.Log.ErrorContext(r.Context(), "render a failure", "request_id", e.ID, "err", err)
		}
	})
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

// fromHere lets what is stored of a change say where it came from.
func (s *Server) fromHere(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.secure {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		origin := idp.Origin{RequestID: observe.Of(r).ID, Address: observe.Sender(r)}
		next.ServeHTTP(w, r.WithContext(idp.WithOrigin(r.Context(), origin)))
	})
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
