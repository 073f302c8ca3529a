package e2e

import (
	"testing"

	"near-idp/internal/pgtest"
)

// A08, S06: Chromium posts the answer to the application by itself, under the
// page's policy, whatever the state holds; after a signature, from the session, and
// for an error. The profile fails the test on any violation of the policy.
func TestFormPostInChromium(t *testing.T) {
	t.Parallel()
	b := newProfile(t, newSite(t, pgtest.DSN(t)).serve())
	w := b.first
	w.installs("nightly")
	visit := func(state, prompt string) request {
		q := newRequest("spa", "openid profile")
		q.redirectURI, q.state = b.app.origin+"/callback", state
		form := q.form()
		form.Set("response_mode", "form_post")
		form.Set("prompt", prompt)
		w.visit("/authorize?" + form.Encode())
		return q
	}
	q := visit(`"><script>document.title = "owned"</script><form action=https://evil.example.com>`, "login")
	w.shows("choose")
	w.choose("nightly")
	b.signedIn(q)
	w.at(b.app.origin + "/callback")
	if at := w.location(); at != b.app.origin+"/callback" {
		t.Errorf("the answer is in the address: %s", at)
	}
	b.signedOnce()
	b.signedIn(visit("' onfocus=alert(1) autofocus '", "")) // by the session, at once
	b.refused(visit("</form>", "none login"), "invalid_request")
}
