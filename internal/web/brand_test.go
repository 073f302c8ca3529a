package web

import (
	"context"
	"strings"
	"testing"

	"near-idp/internal/idp"
)

// V01
func TestLogosAreServedToOurOwnPagesAlone(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("ab", 32)
	s := newSite(t, func(o *Options) {
		o.Logo = func(_ context.Context, asked string) ([]byte, error) {
			if asked != hash {
				return nil, idp.ErrNotFound
			}
			return []byte("\x89PNG"), nil
		}
	})
	w := s.send("GET", "/logo/"+hash+".png", "")
	if w.Code != 200 || w.Body.String() != "\x89PNG" {
		t.Fatalf("%d %q", w.Code, w.Body)
	}
	for name, want := range map[string]string{
		"Content-Type": "image/png", "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin",
		"Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "public, max-age=31536000, immutable", "Content-Length": "4",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, path := range []string{"/logo/" + hash, "/logo/" + hash + ".svg", "/logo/" + hash[2:] + ".png", "/logo/..%2fhealthz.png", "/logo/%00.png", "/logo/.png"} {
		w := s.send("GET", path, "")
		if w.Code != 404 || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d, %s", path, w.Code, w.Header().Get("Cache-Control"))
		}
	}
}
