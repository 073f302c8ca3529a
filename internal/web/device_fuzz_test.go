package web

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/oauth"
)

// Any body and query at the endpoints for devices gives one of the statuses that they
// may have, JSON where programs read it, and no echo of what was sent.
func FuzzDeviceEndpoints(f *testing.F) {
	for _, body := range []string{"user_code=BCDF-GHJK", "user_code=bcdf+ghjk&another=1", "client_id=tv&scope=openid", "user_code=%3Cscript%3E", "user_code=%zz", "\x00", "user_code=" + strings.Repeat("B", 70), "a=b;c"} {
		f.Add(body, true)
		f.Add(body, false)
	}
	s := newSite(f)
	f.Fuzz(func(t *testing.T, body string, inQuery bool) {
		for _, path := range []string{"/device", "/device_authorization"} {
			method, sent := "POST", body
			if inQuery {
				method, sent = "GET", ""
			}
			w := s.send(method, path, sent, asForm, withCookie, func(r *http.Request) {
				if inQuery {
					r.URL.RawQuery = body
				}
			})
			if !slices.Contains([]int{200, 303, 400, 401, 404, 405, 413, 415, 429}, w.Code) {
				t.Errorf("%s %s %q: %d %s", method, path, body, w.Code, w.Body)
			}
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s: Cache-Control %q", method, path, w.Header().Get("Cache-Control"))
			}
			if path == "/device_authorization" && method == "POST" && !json.Valid(w.Body.Bytes()) {
				t.Errorf("%q: %s", body, w.Body)
			}
			if strings.Contains(w.Body.String(), "<script") {
				t.Errorf("%s %s %q: %s", method, path, body, w.Body)
			}
		}
	})
}

// What is read as a user code is shown as one that is read as the same.
func FuzzUserCode(f *testing.F) {
	for _, typed := range []string{"BCDF-GHJK", "bcdf ghjk", "BCDFGHJ", "BCDFGHJKL", "ACDFGHJK", "", "ß", "\xff", strings.Repeat("-", 100)} {
		f.Add(typed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code, ok := oauth.ParseUserCode(typed)
		if !ok {
			return
		}
		if again, ok := oauth.ParseUserCode(oauth.ShownUserCode(code)); !ok || again != code || len(code) != 8 {
			t.Errorf("%q is %q, shown as %q", typed, code, oauth.ShownUserCode(code))
		}
	})
}
