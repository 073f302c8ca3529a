// Package observe gives each request of the admin side an id and one line in the log, and
// turns a panic of its handler into an error.
package observe

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"time"
)

// An Entry is what a request's log line says beyond what HTTP itself shows.
type Entry struct {
	ID     string // of the request
	Actor  string // as idp.Origin names it
	Reason string // the code of a failure
	Cause  error
}

type entryKey struct{}

// Of returns the entry of a request; a stray one outside of Requests.
func Of(r *http.Request) *Entry {
	if e, ok := r.Context().Value(entryKey{}).(*Entry); ok {
		return e
	}
	return &Entry{}
}

// A Log writes the lines.
type Log struct {
	Log     *slog.Logger
	Now     func() time.Time
	Message string
	// Refusals adds the cause of what was refused. Set it only where causes repeat
	// nothing of what was sent; those of faults are always written.
	Refusals bool
	// Count is called with each request that was answered; nil: nobody counts.
	Count func(route, method string, status int, took time.Duration)
}

// Requests gives each request an id and writes its one log line, which carries the
// route's pattern and nothing of what was sent.
func (l Log) Requests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := l.Now()
		e := &Entry{ID: rand.Text()}
		r = r.WithContext(context.WithValue(r.Context(), entryKey{}, e))
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		w.Header().Set("X-Request-Id", e.ID)
		defer func() { l.write(r, e, rec.status, l.Now().Sub(start)) }()
		next.ServeHTTP(rec, r)
	})
}

func (l Log) write(r *http.Request, e *Entry, status int, took time.Duration) {
	attrs := []slog.Attr{
		slog.String("request_id", e.ID), slog.String("client", Sender(r)), slog.String("route", r.Pattern),
		slog.Int("status", status), slog.Duration("duration", took),
	}
	if e.Actor != "" {
		attrs = append(attrs, slog.String("actor", e.Actor))
	}
	if e.Reason != "" {
		attrs = append(attrs, slog.String("reason", e.Reason))
	}
	level := slog.LevelInfo
	switch {
	case status >= http.StatusInternalServerError:
		level = slog.LevelError
		attrs = append(attrs, slog.Any("err", e.Cause))
	case l.Refusals && e.Cause != nil:
		attrs = append(attrs, slog.String("cause", e.Cause.Error()))
	}
	if l.Count != nil {
		l.Count(r.Pattern, method(r), status, took)
	}
	l.Log.LogAttrs(r.Context(), level, l.Message, attrs...)
}

// method keeps made-up methods out of what is counted.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

// Protect calls do and returns its error, or its panic as one.
func Protect(do func() error) (err error) {
	defer func() {
		switch value := recover(); value {
		case nil:
		case http.ErrAbortHandler:
			panic(value)
		default:
			err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
		}
	}()
	return do()
}

// Sender is the other end of the connection. Nobody in between is believed: the
// admin side has no proxies.
func Sender(r *http.Request) string {
	if pair, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return pair.Addr().Unmap().WithZone("").String()
	}
	return ""
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
