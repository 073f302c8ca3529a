package admin_test

import (
	"strings"
	"testing"

	"near-idp/internal/idp"
)

// signedIn gives an account a session, a grant and a consent.
func (s *site) signedIn(name string) {
	s.Helper()
	id := name + ".testnet"
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{`INSERT INTO subjects (network, account_id, incarnation) VALUES ('testnet', $1, 1)`, []any{id}},
		{`INSERT INTO sessions (sid, hash, subject, account_id, network, public_key, auth_time, idle_expires_at, expires_at)
			VALUES ($1, sha256($1::text::bytea), $2, $2, 'testnet', 'ed25519:k', now(), now() + interval '1 hour', now() + interval '1 hour')`, []any{"S" + name, id}},
		{`INSERT INTO grants (id, client_id, subject, account_id, network, public_key, auth_time, sid, scopes, audience, expires_at, max_expires_at)
			VALUES ($1, 'wiki', $2, $2, 'testnet', 'ed25519:k', now(), $3, '{openid}', '{}', now() + interval '1 hour', now() + interval '1 hour')`, []any{"9" + name, id, "S" + name}},
		{`INSERT INTO consents (network, subject, client_id, client, scopes, resources) VALUES ('testnet', $1, 'wiki', 'f', '{openid}', '{}')`, []any{id}},
	} {
		if _, err := s.pool.Exec(s.Context(), step.sql, step.args...); err != nil {
			s.Fatal(err)
		}
	}
}

// has fails the test unless an account has so many sessions, grants and consents.
func (s *site) has(id string, sessions, grants, consents int) {
	s.Helper()
	for list, want := range map[string]int{"sessions": sessions, "grants": grants, "consents": consents} {
		if got := len(s.do("GET", "/admin/v1/accounts/"+id+"/"+list, nil).want(200, "").items()); got != want {
			s.Errorf("%s has %d %s, want %d", id, got, list, want)
		}
	}
}

func TestAccountIsShownBlockedAndLetIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.signedIn("alice")
	s.signedIn("bob")
	s.has("alice.testnet", 1, 1, 1)
	shown := s.do("GET", "/admin/v1/accounts/alice.testnet", nil).want(200, "")
	if shown.text("blocked") != "" || strings.Contains(shown.body, "hash") || !strings.Contains(shown.body, `"sid":"Salice"`) {
		t.Error(shown.body)
	}
	why := map[string]any{"reason": "lost key"}
	if r := s.do("POST", "/admin/v1/accounts/alice.testnet:block?dry_run=true", why).want(200, ""); r.text("sessions_ended") != "1" {
		t.Error(r.body)
	}
	s.has("alice.testnet", 1, 1, 1)
	s.do("POST", "/admin/v1/accounts/alice.testnet:unblock?dry_run=true", nil).want(404, "not_found")
	if r := s.do("POST", "/admin/v1/accounts/alice.testnet:block", why).want(200, ""); r.text("sessions_ended") != "1" {
		t.Error(r.body)
	}
	s.has("alice.testnet", 0, 0, 1)
	if r := s.do("GET", "/admin/v1/accounts/alice.testnet", nil); r.text("blocked.reason") != "lost key" {
		t.Error(r.body)
	}
	s.do("POST", "/admin/v1/accounts/carol.testnet:block", why).want(200, "")
	first := s.do("GET", "/admin/v1/blocked-accounts?limit=1", nil).want(200, "")
	rest := s.do("GET", "/admin/v1/blocked-accounts?limit=1&cursor="+first.text("next_cursor"), nil).want(200, "")
	if first.items()[0]["account_id"] != "alice.testnet" || rest.items()[0]["account_id"] != "carol.testnet" || rest.text("next_cursor") != "" {
		t.Errorf("%s %s", first.body, rest.body)
	}
	s.do("POST", "/admin/v1/accounts/alice.testnet:unblock?dry_run=true", nil).want(204, "")
	s.do("POST", "/admin/v1/accounts/alice.testnet:unblock", nil).want(204, "")
	s.do("POST", "/admin/v1/accounts/alice.testnet:unblock", nil).want(404, "not_found")
	s.has("bob.testnet", 1, 1, 1)
}

// What is ended is what is named, and of that account alone.
func TestAccountsLoseWhatIsNamed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, name := range []string{"alice", "bob", "carol", "dave"} {
		s.signedIn(name)
	}
	for _, path := range []string{"alice.testnet/sessions/Sbob", "alice.testnet/sessions/none", "alice.testnet/grants/9bob", "alice.testnet/grants/%00"} {
		s.do("DELETE", "/admin/v1/accounts/"+path, nil).want(404, "not_found")
		s.do("DELETE", "/admin/v1/accounts/"+path+"?dry_run=true", nil).want(404, "not_found")
	}
	s.do("DELETE", "/admin/v1/accounts/alice.testnet/grants/9alice?dry_run=true", nil).want(204, "")
	s.do("DELETE", "/admin/v1/accounts/alice.testnet/sessions/Salice?dry_run=true", nil).want(204, "")
	s.has("alice.testnet", 1, 1, 1)
	s.do("DELETE", "/admin/v1/accounts/alice.testnet/grants/9alice", nil).want(204, "")
	s.has("alice.testnet", 1, 0, 1)
	s.do("DELETE", "/admin/v1/accounts/alice.testnet/sessions/Salice", nil).want(204, "")
	s.has("alice.testnet", 0, 0, 1)

	s.do("DELETE", "/admin/v1/accounts/bob.testnet/sessions?dry_run=true", nil).want(200, "")
	s.has("bob.testnet", 1, 1, 1)
	s.do("DELETE", "/admin/v1/accounts/bob.testnet/sessions", nil).want(200, "")
	s.has("bob.testnet", 0, 0, 1)

	s.do("POST", "/admin/v1/accounts/carol.testnet:revoke?dry_run=true", nil).want(200, "")
	s.has("carol.testnet", 1, 1, 1)
	s.do("POST", "/admin/v1/accounts/carol.testnet:revoke", nil).want(200, "")
	s.has("carol.testnet", 0, 0, 0)
	s.has("dave.testnet", 1, 1, 1)

	s.do("GET", "/admin/v1/accounts/never.testnet", nil).want(404, "not_found")
	for _, bad := range []string{"Alice.testnet", "a", strings.Repeat("a", 65)} {
		for method, path := range map[string]string{"GET": "", "POST": ":revoke", "DELETE": "/sessions"} {
			r := s.do(method, "/admin/v1/accounts/"+bad+path, nil).want(422, "invalid")
			if r.errors()[0]["field"] != "account_id" {
				t.Error(r.body)
			}
		}
	}
	for _, reason := range []string{`""`, `"` + strings.Repeat("a", 501) + `"`, `"a\u202eb"`} {
		for _, query := range []string{"", "?dry_run=true"} {
			r := s.do("POST", "/admin/v1/accounts/dave.testnet:block"+query, `{"reason":`+reason+`}`).want(422, "invalid")
			if r.errors()[0]["field"] != "reason" {
				t.Error(r.body)
			}
		}
	}
}

// Each change is recorded with the key that made it and the request that carried it.
func TestChangesAreRecordedWithTheirActor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.signedIn("alice")
	s.do("POST", "/admin/v1/clients", grafana()).want(201, "")
	blocked := s.do("POST", "/admin/v1/accounts/alice.testnet:block", map[string]any{"reason": "x"}).want(200, "")
	actor := "key:" + strings.Split(s.key, "_")[1]
	for kind, request := range map[string]string{"client.created": "", "account.blocked": blocked.header.Get("X-Request-Id")} {
		list := s.do("GET", "/admin/v1/audit-events?type="+kind, nil).want(200, "").items()
		if len(list) != 1 || list[0]["actor"] != actor || request != "" && list[0]["request_id"] != request || list[0]["outcome"] != idp.OutcomeDone {
			t.Errorf("%s: %v", kind, list)
		}
	}
}
