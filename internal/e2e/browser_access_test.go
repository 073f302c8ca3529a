package e2e

import (
	"testing"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"
)

// An account that an application does not take is told so where another one can sign in, or
// go back, whether it signs or is signed in already.
func TestDeniedAccountInABrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.more = `  - {client_id: club, client_name: The Club, token_endpoint_auth_method: none, first_party: true, redirect_uris: ["http://localhost/callback"], access_policy: members}
access_policies: {members: {allow: ["*.club.testnet"]}}
`
	p := s.serve()
	enter := func(b *profile) request {
		q := newRequest("club", "openid profile")
		q.redirectURI = b.app.origin + "/callback"
		b.first.visit("/authorize?" + q.form().Encode())
		return q
	}
	t.Run("under single sign-on", func(t *testing.T) {
		t.Parallel()
		b := newProfile(t, p)
		b.first.installs("nightly")
		q := b.first.begin()
		b.first.choose("nightly")
		b.signedIn(q)
		denied := b.signer.AccountID
		q = enter(b)
		b.first.shows("not_allowed")
		b.first.says("This account may not sign in to The Club")
		b.first.says(denied + " may not sign in to this application")
		b.first.click(`[data-act="cancel"]`)
		b.refused(q, "access_denied")
		q = enter(b)
		b.first.shows("not_allowed")
		b.first.press("again")
		b.first.shows("choose")
		b.signer = neartest.NewWallet("a" + denied[:8] + ".club.testnet")
		b.chain.AddKey(b.signer.AccountID, b.signer.PublicKey(), neartest.FullAccess)
		b.first.choose("nightly")
		b.signedIn(q)
	})
	t.Run("by a signature", func(t *testing.T) {
		t.Parallel()
		b := newProfile(t, p)
		b.first.installs("nightly")
		q := enter(b)
		b.first.shows("choose")
		b.first.choose("nightly")
		b.first.shows("not_allowed")
		b.first.told()
		b.first.says(b.signer.AccountID + " may not sign in to this application")
		b.first.press("again")
		b.first.shows("choose")
		b.first.choose("nightly")
		b.first.shows("not_allowed")
		b.first.click(`[data-act="cancel"]`)
		b.refused(q, "access_denied")
	})
}
