package web

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/limit"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
	"near-idp/internal/text"
)

// An entry is what a request's log line says beyond what HTTP itself shows.
type entry struct {
	id       string
	client   netip.Addr // who sent the request, as far as trusted proxies say
	sender   limit.Sender
	clientID string // of a registered client, or as claimed where it has its syntax
	reason   string // the code of a failure
	cause    error
	trace    string // the id of its trace, if that is recorded
	wallet   string // of the answer, as Metrics takes it; empty: there was none

	read   func() *text.Printer // finds out who reads the answer, which programs' requests do without
	chosen *text.Printer
}

// reader is who reads the answer.
func (e *entry) reader() *text.Printer {
	if e.chosen == nil && e.read != nil {
		e.chosen = e.read()
	}
	return e.chosen
}

// address is who sent the request, "" if that is not known.
func (e *entry) address() string {
	if !e.client.IsValid() {
		return ""
	}
	return e.client.String()
}

type entryKey struct{}

// entryOf returns the entry of a request; a stray one outside of observe.
func entryOf(r *http.Request) *entry {
	if e, ok := r.Context().Value(entryKey{}).(*entry); ok {
		return e
	}
	return &entry{}
}

// observe gives each request an id and writes its one log line. The line
// carries the route's pattern and never a path, query, header or body: those hold ids, codes,
// tokens and signatures.
func (s *server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.Now()
		e := &entry{id: s.requestID(r), client: s.clientAddress(r), read: func() *text.Printer { return s.reader(r) }}
		e.sender = limit.SenderOf(e.client)
		ctx, end := r.Context(), (func(string, int))(nil)
		if s.Trace != nil {
			ctx, e.trace, end = s.Trace(r, s.isTrustedProxy(peer(r)))
		}
		ctx = idp.WithOrigin(ctx, idp.Origin{RequestID: e.id, Address: e.address(), Browser: browserOf(r.UserAgent(), e.client)})
		r = r.WithContext(context.WithValue(ctx, entryKey{}, e))
		rec := &recorder{ResponseWriter: w}
		w.Header().Set("X-Request-Id", e.id)
		if s.secure {
			// For this host alone: its siblings are the operator's to judge.
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		defer func() {
			s.logRequest(r, e, rec, s.Now().Sub(start))
			if end != nil {
				end(r.Pattern, cmp.Or(rec.status, http.StatusOK))
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

func (s *server) logRequest(r *http.Request, e *entry, rec *recorder, took time.Duration) {
	status := rec.status
	if status == 0 {
		status = http.StatusOK
	}
	attrs := []slog.Attr{
		slog.String("request_id", e.id),
		slog.String("client", e.client.String()),
		slog.String("method", method(r)),
		slog.String("route", r.Pattern),
		slog.Int("status", status),
		slog.Duration("duration", took),
		slog.Int64("bytes", rec.bytes),
	}
	if e.trace != "" {
		attrs = append(attrs, slog.String("trace_id", e.trace))
	}
	if e.clientID != "" {
		attrs = append(attrs, slog.String("client_id", e.clientID))
	}
	if e.reason != "" {
		attrs = append(attrs, slog.String("reason", e.reason))
	}
	if why := refusedBecause(e.cause); why != "" {
		attrs = append(attrs, slog.String("cause", why))
	}
	s.Metrics.Request(r.Pattern, method(r), status, took, e.trace)
	level := slog.LevelInfo
	if status == http.StatusOK && (strings.HasSuffix(r.Pattern, "/healthz") || strings.HasSuffix(r.Pattern, "/readyz")) {
		level = slog.LevelDebug // asked every few seconds, by all that watches the provider
	}
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
		attrs = append(attrs, slog.Any("err", cause(e.cause)))
	}
	s.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// refusedBecause is what the operator must know of a client whose credentials,
// code or token were refused, of a limit that was reached, or of an account that a policy or a block keeps out, and
// its caller is not told. Other refusals have causes that repeat what was sent, and
// people send their secrets in the wrong field.
func refusedBecause(err error) string {
	const enough = 400
	why := ""
	if exceeded, ok := errors.AsType[*limit.Exceeded](err); ok {
		return "rate_limits." + exceeded.Bucket
	}
	if refused, ok := errors.AsType[*oauth.Error](err); ok && refused.Err != nil && slices.Contains([]string{"invalid_client", "invalid_grant", "invalid_token", "access_denied"}, refused.Code) {
		why = refused.Err.Error()
	}
	if refusal, ok := errors.AsType[*login.Refusal](err); ok && refusal.Err != nil && (refusal.Reason == login.AccessDenied || refusal.Reason == login.AccountBlocked) {
		why = refusal.Err.Error()
	}
	return why[:min(len(why), enough)]
}

// cause is what to log of an error: a panic with its stack.
func cause(err error) any {
	if p, ok := errors.AsType[*panicked](err); ok {
		return p
	}
	if err != nil {
		return err.Error()
	}
	return nil
}

// method keeps made-up methods out of the log.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return r.Method
	}
	return "other"
}

var requestIDSyntax = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// requestID makes an id, or takes over the one that a trusted proxy gave: an id
// from anybody else could be made to look like another person's request.
func (s *server) requestID(r *http.Request) string {
	if given := r.Header.Get("X-Request-Id"); requestIDSyntax.MatchString(given) && s.isTrustedProxy(peer(r)) {
		return given
	}
	return idp.NewID()
}

// A recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap serves http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
