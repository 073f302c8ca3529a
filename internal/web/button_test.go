package web

import (
	"encoding/json"
	"strings"
	"testing"

	"near-idp/web/static"
)

// Pages of any origin load the button, isolated ones (COEP) as well, and none
// is given a cookie or credentials with it.
func TestButtonIsForPagesOfAnyOrigin(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *Options) { o.Issuer = testIssuer + "/auth/v1" })
	about := static.CurrentButton(testIssuer + "/auth/v1")
	for _, path := range []string{"/auth/v1/button/v1.js", strings.TrimPrefix(about.URL, testIssuer), "/auth/v1/button/v1.d.ts", "/auth/v1/button/v1.json"} {
		for _, method := range []string{"GET", "HEAD"} {
			w := s.send(method, path, "", header("Origin", "https://anyone.example"), withCookie)
			if w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Cross-Origin-Resource-Policy") != "cross-origin" {
				t.Errorf("%s %s: %d %v", method, path, w.Code, w.Header())
			}
			if w.Header().Get("Set-Cookie") != "" || w.Header().Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s %s: %v", method, path, w.Header())
			}
		}
	}
	var got static.Button
	if err := json.Unmarshal(s.send("GET", "/auth/v1/button/v1.json", "").Body.Bytes(), &got); err != nil || got != about {
		t.Errorf("%+v, %v", got, err)
	}
	for path, status := range map[string]int{"/auth/v1/button/v1.0123456789abcdef.js": 404, "/auth/v1/button/": 404, "/button/v1.js": 404} {
		if w := s.send("GET", path, ""); w.Code != status || strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	if w := s.send("POST", "/auth/v1/button/v1.js", ""); w.Code != 405 {
		t.Errorf("POST: %d", w.Code)
	}
}
