package admin_test

import "testing"

func TestStatsCountWhatIsLive(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.do("POST", "/admin/v1/clients", grafana()).want(201, "")
	s.do("POST", "/admin/v1/clients/grafana:disable", nil).want(200, "")
	s.signedIn("alice")
	s.signedIn("bob")
	s.do("POST", "/admin/v1/accounts/bob.testnet:block", map[string]any{"reason": "x"}).want(200, "")
	s.record("token.refused", 3)
	r := s.do("GET", "/admin/v1/stats", nil).want(200, "")
	for name, want := range map[string]string{
		"clients": "1", "clients_disabled": "1", "sessions": "1", "grants": "1", "blocked_accounts": "1", "logins_last_day": "0", "refused_last_day": "3",
	} {
		if got := r.text(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
