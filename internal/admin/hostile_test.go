package admin_test

import "testing"

// A05: text that the database cannot hold names nothing, and is no fault of ours.
func TestTextThatNoDatabaseHoldsIsNoFault(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, bad := range []string{"%00", "%ff", "a%00b", "%c0%af"} {
		for _, path := range []string{"/clients/" + bad, "/clients/" + bad + "/secrets", "/clients/a/snippets/" + bad, "/accounts/" + bad} {
			if r := s.do("GET", "/admin/v1"+path, nil); r.status >= 500 || r.status < 400 {
				t.Errorf("%s: %d %s", path, r.status, r.body)
			}
		}
		for _, query := range []string{"clients?q=", "clients?cursor=", "audit-events?client_id=", "audit-events?type="} {
			if r := s.do("GET", "/admin/v1/"+query+bad, nil); r.status >= 500 || r.status < 400 {
				t.Errorf("%s%s: %d %s", query, bad, r.status, r.body)
			}
		}
		if r := s.do("POST", "/admin/v1/clients/"+bad+":disable", nil); r.status != 404 {
			t.Errorf("disable %s: %d %s", bad, r.status, r.body)
		}
	}
}
