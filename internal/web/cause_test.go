package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Operators see why a client was refused, which its caller is not told, and nothing secret (H04).
func TestLogSaysWhyAClientWasRefused(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := p.browser()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {"nac_secret-code"}, "client_id": {"nobody"}, "client_secret": {"the-secret-of-somebody"}}
	if r := b.postForm("/token", form); r.status != http.StatusUnauthorized {
		t.Fatalf("token: %d %s", r.status, r.body)
	}
	log := p.log.String()
	if want := `"cause":"unknown client"`; !strings.Contains(log, want) {
		t.Errorf("the log does not say %s:\n%s", want, log)
	}
	for _, secret := range []string{"nac_secret-code", "the-secret-of-somebody"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log says %q", secret)
		}
	}
}
