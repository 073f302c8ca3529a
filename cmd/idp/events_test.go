package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"near-idp/internal/admin"
	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
)

// A stream that breaks is gone on with where it broke: nothing is missed and nothing comes twice. It
// ends when the key does.
func TestFollowerGoesOnAfterABreak(t *testing.T) {
	handler, err := elsewhere(t, pgtest.DSN(t), t.Cleanup)
	if err != nil {
		t.Fatal(err)
	}
	here := local(handler, func() {})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var made apiKeyMade
	if err := here.do(ctx, "POST", apiKeysPath, map[string]any{"scopes": admin.Scopes(), "expires_at": inAYear()}, &made); err != nil {
		t.Fatal(err)
	}
	var streams atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ":stream") {
			streams.Add(1)
		}
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	remote, err := remote(server.URL, made.Value)
	if err != nil {
		t.Fatal(err)
	}
	register := func(id string) {
		if err := here.do(ctx, "POST", clientsPath, map[string]any{"client_id": id, "redirect_uris": []string{"https://a.example.com/cb"}}, nil); err != nil {
			t.Error(err)
		}
	}
	register("zero")
	before, err := remote.events(ctx, idp.EventFilter{Type: "client.created", Limit: 1})
	if err != nil || len(before) != 1 {
		t.Fatal(before, err)
	}
	register("one")
	var seen []string
	err = remote.follow(ctx, idp.EventFilter{Type: "client.created"}, before[0].ID, func(e idp.Event) error {
		switch seen = append(seen, e.ClientID); e.ClientID {
		case "one":
			server.CloseClientConnections()
			register("two")
		case "two":
			if err := here.do(ctx, "DELETE", apiKeysPath+"/"+made.ID, nil, nil); err != nil {
				t.Error(err)
			}
			server.CloseClientConnections()
		}
		return nil
	})
	if got := strings.Join(seen, " "); got != "one two" {
		t.Errorf("saw %q", got)
	}
	if e, refused := errors.AsType[*apiError](err); !refused || e.Status != http.StatusUnauthorized || streams.Load() != 3 {
		t.Errorf("ended after %d streams with %v", streams.Load(), err)
	}
	if err := here.follow(ctx, idp.EventFilter{}, 0, func(idp.Event) error { return errFull }); !errors.Is(err, errFull) {
		t.Errorf("a full disk is %v", err)
	}
}

var errFull = errors.New("no space left")
