package web

import (
	"net/http"
	"testing"
)

// G01: nothing is administered over the public listener. Clients and keys are
// changed by whoever holds the database's credentials, with the command line.
func TestPublicListenerAdministersNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, path := range []string{
		"/admin", "/admin/", "/admin/v1", "/admin/v1/clients", "/admin/v1/clients/app", "/admin/v1/keys", "/clients", "/register", "/connect/register",
		"/keys", "/sessions", "/metrics", "/debug/pprof/", "/debug/vars", "/config", "/.git/config", "/.env",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			if w := s.send(method, path, "{}", asJSON, header("Authorization", "Bearer T"), withCookie); w.Code != http.StatusNotFound {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
	}
}

// A02: a request that is too long for the query is refused as one that is too
// long for a body is.
func TestOverlongAuthorizationRequestIsRefused(t *testing.T) {
	t.Parallel()
	long := make([]byte, maxLoginBody)
	for i := range long {
		long[i] = 'a'
	}
	for _, path := range []string{"/authorize", "/logout"} {
		if w := newSite(t).send("GET", path+"?state="+string(long), ""); w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
