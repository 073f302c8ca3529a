package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"near-idp/internal/idp"
)

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
		e := entryOf(r)
		e.reason, e.cause = p.Code, err
		s.record(r, rt, p)
		s.writeProblem(w, r, *p)
	})
}

// record takes down who may not do what they asked for, and what failed. An
// administrator's mistakes are nobody's business.
func (s *Server) record(r *http.Request, rt route, p *problem) {
	e := idp.Event{Type: "admin.refused", Outcome: idp.OutcomeRefused, Reason: p.Code, RequestID: entryOf(r).id, Address: sender(r),
		Actor: entryOf(r).actor, Details: map[string]any{"route": rt.pattern}}
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

func (s *Server) protect(rt route, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch value := recover(); value {
		case nil:
		case http.ErrAbortHandler:
			panic(value)
		default:
			err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
		}
	}()
	// Strangers are not told what exists.
	p, err := s.authenticate(r)
	if err != nil {
		return err
	}
	entryOf(r).actor = p.Actor
	if rt.scope != "" && !p.May(rt.scope) {
		return forbidden(rt.scope)
	}
	if err := rt.checkQuery(r); err != nil {
		return err
	}
	ctx := As(r.Context(), *p)
	origin := idp.Origin{RequestID: entryOf(r).id, Address: sender(r), Actor: p.Actor}
	return rt.answer(w, r.WithContext(idp.WithOrigin(ctx, origin)))
}

// observe gives each request an id and writes its one log line, which carries the
// route's pattern and nothing of what was sent.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.Now()
		e := &entry{id: rand.Text()}
		r = r.WithContext(context.WithValue(r.Context(), entryKey{}, e))
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		w.Header().Set("X-Request-Id", e.id)
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
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
		attrs = append(attrs, slog.Any("err", e.cause))
	}
	s.Log.LogAttrs(r.Context(), level, "admin request", attrs...)
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
