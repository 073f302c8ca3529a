package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/observe"
)

const (
	// maxStreams bounds how many followers there are at once: each asks the database once a second.
	maxStreams = 32
	// streamWrite is how long a follower may take to accept what is sent.
	streamWrite  = 10 * time.Second
	defaultPulse = 15 * time.Second
)

var errStreams = &problem{Status: http.StatusTooManyRequests, Code: "too_many_streams", retryAfter: 10,
	Detail: fmt.Sprintf("There are %d streams already. Close one, or read pages of audit-events.", maxStreams)}

// streamEvents sends each event as it is recorded, as server-sent events whose ids are
// those of the events. Last-Event-ID goes on after one of them; without it, only what is to come is sent.
func (s *Server) streamEvents(w http.ResponseWriter, r *http.Request) error {
	filter, err := eventFilter(r.URL.Query())
	if err != nil {
		return err
	}
	after := int64(-1)
	if text := r.Header.Get("Last-Event-ID"); text != "" {
		if after, err = strconv.ParseInt(text, 10, 64); err != nil || after < 0 {
			return invalid([]fieldProblem{{"Last-Event-ID", "must be the id of an event"}})
		}
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		return errStreams
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.ending, cancel)()
	out := &stream{w: w, control: http.NewResponseController(w)}
	// The server's own deadlines are for requests that end.
	if err := errors.Join(out.control.SetReadDeadline(time.Time{}), out.control.SetWriteDeadline(s.Now().Add(streamWrite))); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	var pulse sync.WaitGroup
	pulse.Go(func() {
		defer cancel()
		s.pulse(ctx, caller(r), out)
	})
	err = s.Audit.Follow(ctx, filter, after, out.event)
	cancel()
	pulse.Wait()
	if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		s.Log.InfoContext(r.Context(), "admin stream ended", "request_id", observe.Of(r).ID, "err", err)
	}
	return nil // the answer began long ago
}

// pulse sends signs of life, which also find out that a follower is gone, until the
// key of the caller is worth nothing any more.
func (s *Server) pulse(ctx context.Context, p *Principal, out *stream) {
	ticker := time.NewTicker(s.Pulse)
	defer ticker.Stop()
	for {
		if out.send([]byte(":\n\n")) != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if p.Key == nil {
			continue
		}
		if _, err := s.Store.APIKey(ctx, p.Key.ID); errors.Is(err, idp.ErrNotFound) {
			return
		}
	}
}

// EndStreams ends every stream, so that none keeps the server from shutting down.
func (s *Server) EndStreams() { s.endStreams() }

// A stream is an answer that goes on.
type stream struct {
	mu      sync.Mutex
	w       http.ResponseWriter
	control *http.ResponseController
}

func (o *stream) event(e idp.Event) error {
	data, err := json.Marshal(e) // which has no line feeds
	if err != nil {
		return err
	}
	return o.send(fmt.Appendf(nil, "id: %d\ndata: %s\n\n", e.ID, bytes.TrimSpace(data)))
}

func (o *stream) send(text []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.control.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := o.w.Write(text); err != nil {
		return err
	}
	return o.control.Flush()
}
