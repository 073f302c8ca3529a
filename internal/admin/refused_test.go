package admin_test

import (
	"strings"
	"sync"
	"testing"

	"near-idp/internal/admin"
	"near-idp/internal/idp"
)

// G01: who was refused is taken down, with who they are as far as that is known, and
// nothing of the key that they tried.
func TestRefusedAdministratorsAreTakenDown(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var taken []idp.Event
	s := newSite(t, func(o *admin.Options) {
		o.Record = func(e idp.Event) { mu.Lock(); defer mu.Unlock(); taken = append(taken, e) }
	})
	reader := s.newKey(admin.ScopeClientsRead)
	all := s.key
	s.key = reader
	denied := s.do("DELETE", "/admin/v1/clients/x", nil)
	s.key = all[:len(all)-1] + map[bool]string{true: "B", false: "A"}[strings.HasSuffix(all, "A")]
	wrong := s.do("GET", "/admin/v1/clients", nil)
	s.key = all
	s.do("GET", "/admin/v1/clients/unknown", nil).want(404, "not_found") // a mistake is no refusal
	if len(taken) != 2 {
		t.Fatalf("taken down: %v", taken)
	}
	id := strings.Split(reader, "_")[1]
	if e := taken[0]; e.Type != "admin.refused" || e.Reason != "forbidden" || e.Actor != "key:"+id || e.RequestID != denied.header.Get("X-Request-Id") ||
		e.Details["route"] != "DELETE /admin/v1/clients/{client_id}" {
		t.Errorf("a key without the scope: %+v", e)
	}
	if e := taken[1]; e.Reason != "unauthorized" || e.Actor != "" || e.RequestID != wrong.header.Get("X-Request-Id") {
		t.Errorf("a wrong key: %+v", e)
	}
}

// G01: a change names the key that made it and the request that carried it.
func TestChangesNameTheirAdministrator(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	made := s.do("POST", "/admin/v1/clients", map[string]any{"client_id": "wiki", "redirect_uris": []string{"https://wiki.example.com/cb"}})
	made.want(201, "")
	events, err := s.store.Events(t.Context(), idp.EventFilter{ClientID: "wiki", Limit: 10})
	if err != nil || len(events) != 2 {
		t.Fatalf("%v, %v", events, err)
	}
	for _, e := range events {
		if e.Actor != "key:"+strings.Split(s.key, "_")[1] || e.RequestID != made.header.Get("X-Request-Id") {
			t.Errorf("%s by %q in request %q", e.Type, e.Actor, e.RequestID)
		}
	}
	keys, err := s.store.Events(t.Context(), idp.EventFilter{Type: "api_key.", Limit: 10})
	if err != nil || len(keys) != 1 || keys[0].Type != "api_key.created" || keys[0].Actor != "local" {
		t.Errorf("keys: %v, %v", keys, err)
	}
}
