package admin

import (
	"errors"
	"fmt"
	"net/http"

	"near-idp/internal/idp"
	"near-idp/internal/observe"
)

// handle lets through who may call a route, and is where every error, and every panic,
// becomes an answer.
func (s *Server) handle(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		err := s.protect(rt, w, r)
		if err == nil {
			return
		}
		p := asProblem(r, err)
		e := observe.Of(r)
		e.Reason, e.Cause = p.Code, err
		s.record(r, rt, p)
		s.writeProblem(w, r, *p)
	})
}

// record takes down who may not do what they asked for, and what failed. An
// administrator's mistakes are nobody's business.
func (s *Server) record(r *http.Request, rt route, p *problem) {
	e := idp.Event{Type: "admin.refused", Outcome: idp.OutcomeRefused, Reason: p.Code, RequestID: observe.Of(r).ID, Address: observe.Sender(r),
		Actor: observe.Of(r).Actor, Details: map[string]any{"route": rt.pattern}}
	switch {
	case s.Record == nil:
		return
	case p.Status >= http.StatusInternalServerError:
		e.Type, e.Outcome = "admin.failed", idp.OutcomeFailed
	case p.Status != http.StatusUnauthorized && p.Status != http.StatusForbidden && p.Status != http.StatusTooManyRequests:
		return
	}
	s.Record(e)
}

func (s *Server) protect(rt route, w http.ResponseWriter, r *http.Request) error {
	return observe.Protect(func() error { return s.admit(rt, w, r) })
}

func (s *Server) admit(rt route, w http.ResponseWriter, r *http.Request) error {
	// Strangers are not told what exists.
	p, err := s.authenticate(r)
	if err != nil {
		return err
	}
	observe.Of(r).Actor = p.Actor
	if rt.scope != "" && !p.May(rt.scope) {
		return forbidden(rt.scope)
	}
	if err := rt.checkQuery(r); err != nil {
		return err
	}
	ctx := As(r.Context(), *p)
	origin := idp.Origin{RequestID: observe.Of(r).ID, Address: observe.Sender(r), Actor: p.Actor}
	return rt.answer(w, r.WithContext(idp.WithOrigin(ctx, origin)))
}

// noContent answers a change that returns nothing.
func noContent(w http.ResponseWriter, err error, kind, id string) error {
	if errors.Is(err, idp.ErrNotFound) {
		return fmt.Errorf("%s %.100q: %w", kind, id, idp.ErrNotFound)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
