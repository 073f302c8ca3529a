package admin_test

import (
	"net/http"
	"strings"
	"testing"
)

// A query that is read as if it said nothing would make of a rehearsal the change itself.
func TestDryRunThatIsMisspeltChangesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, query := range []string{
		"dry_run=1", "dry_run=TRUE", "dry_run", "dry_run=", "dry-run=true", "dryrun=true", "Dry_Run=true", "dry_run=false&dry_run=true",
		"dry_run=true;prune=false", "dry_run=%zz", "a=%zz&dry_run=true", "dry_run=true%00", "%ff=1",
	} {
		got := s.do("POST", "/admin/v1/clients?"+query, `{"client_id":"app","redirect_uris":["https://app.example.com/cb"]}`)
		if got.status != http.StatusUnprocessableEntity && got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
		if got := s.do("DELETE", "/admin/v1/api-keys/AAAAAAAAAAAA?"+query, nil); got.status == http.StatusNotFound || got.status == http.StatusNoContent {
			t.Errorf("DELETE with %s: %d", query, got.status)
		}
	}
	s.do("GET", "/admin/v1/clients/app", nil).want(http.StatusNotFound, "not_found")
	s.do("POST", "/admin/v1/clients?dry_run=true", `{"client_id":"app","redirect_uris":["https://app.example.com/cb"]}`).want(http.StatusOK, "")
	s.do("POST", "/admin/v1/clients?dry_run=false", `{"client_id":"app","redirect_uris":["https://app.example.com/cb"]}`).want(http.StatusCreated, "")
}

// PostgreSQL holds no NUL and nothing but UTF-8: such a byte is the caller's mistake and not ours.
func TestBytesThatAreNoTextAreNoFaultOfTheServer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, bad := range []string{"%00", "a%00b", "%ff", "%c3%28", "%ed%a0%80"} {
		for _, path := range []string{
			"GET /admin/v1/clients/" + bad, "GET /admin/v1/clients/" + bad + "/secrets", "POST /admin/v1/clients/" + bad + ":disable",
			"DELETE /admin/v1/clients/" + bad, "DELETE /admin/v1/clients/app/secrets/" + bad, "GET /admin/v1/clients/" + bad + "/errors",
			"DELETE /admin/v1/api-keys/" + bad, "GET /admin/v1/accounts/" + bad, "DELETE /admin/v1/accounts/alice.testnet/sessions/" + bad,
			"DELETE /admin/v1/accounts/alice.testnet/grants/" + bad, "GET /admin/v1/clients?q=" + bad, "GET /admin/v1/clients?cursor=" + bad,
			"GET /admin/v1/blocked-accounts?cursor=" + bad, "GET /admin/v1/audit-events?client_id=" + bad, "GET /admin/v1/audit-events?actor=" + bad,
		} {
			method, url, _ := strings.Cut(path, " ")
			if got := s.do(method, url, nil); got.status >= 500 || got.status < 400 {
				t.Errorf("%s: %d %s", path, got.status, got.body)
			}
		}
	}
}
