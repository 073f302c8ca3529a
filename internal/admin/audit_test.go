package admin_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"near-idp/internal/admin"
	"near-idp/internal/idp"
)

// record stores events of this type.
func (s *site) record(kind string, n int) {
	s.Helper()
	events := make([]idp.Event, n)
	for i := range events {
		events[i] = idp.Event{Type: kind, Outcome: idp.OutcomeRefused, ClientID: "grafana", Reason: fmt.Sprint(i)}
	}
	if err := s.store.AppendEvents(s.Context(), events); err != nil {
		s.Fatal(err)
	}
}

func TestEventsAreFilteredAndPaged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.do("POST", "/admin/v1/clients", grafana()).want(201, "")
	s.record("token.refused", 5)
	var got []string
	for cursor, pages := "", 0; pages < 10; pages++ {
		r := s.do("GET", "/admin/v1/audit-events?type=token.&client_id=grafana&outcome=refused&limit=2&cursor="+cursor, nil).want(200, "")
		for _, e := range r.items() {
			got = append(got, e["reason"].(string))
		}
		if cursor = r.text("next_cursor"); cursor == "" {
			break
		}
	}
	if strings.Join(got, "") != "43210" {
		t.Error(got)
	}
	if n := len(s.do("GET", "/admin/v1/audit-events?since="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339), nil).want(200, "").items()); n != 0 {
		t.Errorf("%d events of the future", n)
	}
	for _, bad := range []string{"since=yesterday", "until=1", "outcome=maybe", "cursor=YWZ0ZXI6eA", "clientid=x", "type=a&type=b", "actor=%00", "account_id=%ff"} {
		s.do("GET", "/admin/v1/audit-events?"+bad, nil).want(422, "invalid")
	}
	errors := s.do("GET", "/admin/v1/clients/grafana/errors", nil).want(200, "").items()
	if len(errors) != 5 || errors[0]["reason"] != "4" {
		t.Error(errors)
	}
	s.do("GET", "/admin/v1/clients/none/errors", nil).want(404, "not_found")
}

// follow opens a stream and returns its lines.
func follow(t *testing.T, s *site, url string, headers ...string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s %v", answer.Status, answer.Header)
	}
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(answer.Body); in.Scan(); {
			lines <- in.Text()
		}
	}()
	return lines
}

// next is the next line that begins so, "" if the stream ends.
func next(t *testing.T, lines <-chan string, prefix string) string {
	t.Helper()
	patience := time.After(20 * time.Second)
	for {
		select {
		case line, open := <-lines:
			if !open {
				return ""
			}
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				return rest
			}
		case <-patience:
			t.Fatalf("no line that begins with %q", prefix)
		}
	}
}

// A follower that reconnects misses nothing, and one that stays outlives the server's deadlines.
func TestStreamGoesOnWhereItEnded(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *admin.Options) { o.Pulse = 100 * time.Millisecond })
	server := httptest.NewUnstartedServer(s.server)
	server.Config.ReadTimeout, server.Config.WriteTimeout = time.Second, time.Second
	server.Start()
	defer server.Close()
	defer s.server.EndStreams()
	lines := follow(t, s, server.URL+"/admin/v1/audit-events:stream?type=token.")
	next(t, lines, ":")
	time.Sleep(2 * time.Second)
	s.record("login.refused", 1)
	s.record("token.refused", 3)
	var ids []string
	for i := range 3 {
		ids = append(ids, next(t, lines, "id: "))
		if data := next(t, lines, "data: "); !strings.Contains(data, fmt.Sprintf(`"reason":"%d"`, i)) {
			t.Error(data)
		}
	}
	again := follow(t, s, server.URL+"/admin/v1/audit-events:stream?type=token.", "Last-Event-ID", ids[0])
	if got := next(t, again, "id: "); got != ids[1] {
		t.Errorf("went on with %s after %s, want %s", got, ids[0], ids[1])
	}
	s.do("GET", "/admin/v1/audit-events:stream", nil, "Last-Event-ID", "x").want(422, "invalid")
	s.do("GET", "/admin/v1/audit-events:stream?typ=x", nil).want(422, "invalid")
	s.server.EndStreams()
	if got := next(t, again, "never"); got != "" {
		t.Error(got)
	}
}

func TestStreamEndsWithItsKey(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *admin.Options) { o.Pulse = 50 * time.Millisecond })
	server := httptest.NewServer(s.server)
	defer server.Close()
	defer s.server.EndStreams()
	key := s.newKey("audit:read")
	lines := follow(t, s.as(key), server.URL+"/admin/v1/audit-events:stream")
	next(t, lines, ":")
	s.do("DELETE", "/admin/v1/api-keys/"+strings.Split(key, "_")[1], nil).want(204, "")
	if got := next(t, lines, "never"); got != "" {
		t.Error(got)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	server := httptest.NewServer(s.server)
	defer server.Close()
	defer s.server.EndStreams()
	for range 32 {
		next(t, follow(t, s, server.URL+"/admin/v1/audit-events:stream"), ":")
	}
	s.do("GET", "/admin/v1/audit-events:stream", nil).want(429, "too_many_streams")
}
