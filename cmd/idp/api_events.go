package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"near-idp/internal/audit"
	"near-idp/internal/idp"
)

const eventsPath = "/admin/v1/audit-events"

// events returns the latest f.Limit events that f selects, the newest first.
func (a *api) events(ctx context.Context, f idp.EventFilter) ([]idp.Event, error) {
	list, q := []idp.Event{}, eventQuery(f)
	for name, at := range map[string]time.Time{"since": f.Since, "until": f.Until} {
		if !at.IsZero() {
			q.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	for len(list) < f.Limit {
		var page struct {
			Items []idp.Event `json:"items"`
			Next  string      `json:"next_cursor"`
		}
		q.Set("limit", strconv.Itoa(min(f.Limit-len(list), audit.MaxLimit)))
		if err := a.do(ctx, "GET", eventsPath+"?"+q.Encode(), nil, &page); err != nil {
			return nil, err
		}
		list = append(list, page.Items...)
		if page.Next == "" {
			break
		}
		q.Set("cursor", page.Next)
	}
	return list, nil
}

func eventQuery(f idp.EventFilter) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"client_id": f.ClientID, "account_id": f.AccountID, "type": f.Type, "outcome": f.Outcome, "actor": f.Actor, "request_id": f.RequestID,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// streamAgain is the time between attempts to go on with a stream that broke.
const streamAgain = 2 * time.Second

// follow calls emit with each event that f selects as it is recorded, after the one with an
// id, or, if that is negative, those to come. A stream that breaks is gone on with, unless the API refuses it.
func (a *api) follow(ctx context.Context, f idp.EventFilter, after int64, emit func(idp.Event) error) error {
	for {
		var failed emitError
		err := a.stream(ctx, f, &after, emit)
		if errors.As(err, &failed) {
			return failed.error
		}
		if e, refused := errors.AsType[*apiError](err); refused && !errors.Is(e, idp.ErrUnavailable) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			warn(fmt.Sprintf("the stream of events broke; trying again: %v", err))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(streamAgain):
		}
	}
}

// An emitError is a failure of whoever takes the events.
type emitError struct{ error }

// stream reads one stream of server-sent events to its end, and keeps the id of the latest in after.
func (a *api) stream(ctx context.Context, f idp.EventFilter, after *int64, emit func(idp.Event) error) error {
	headers := []string{"Accept", "text/event-stream"}
	if *after >= 0 {
		headers = append(headers, "Last-Event-ID", strconv.FormatInt(*after, 10))
	}
	response, err := a.send(ctx, "GET", eventsPath+":stream?"+eventQuery(f).Encode(), nil, headers...)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, isData := strings.CutPrefix(lines.Text(), "data: ")
		if !isData {
			continue
		}
		var e idp.Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return fmt.Errorf("admin API: an event that cannot be read: %w", err)
		}
		if err := emit(e); err != nil {
			return emitError{err}
		}
		*after = e.ID
	}
	return lines.Err()
}
