package ha

import (
	crand "crypto/rand"
	mrand "math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"near-idp/internal/neartest"
)

// live signs people in, and uses what they got, until the harness is over. It returns
// the grants that were acknowledged.
func (a *application) live(people []*neartest.Wallet) []*grant {
	var kept []*grant
	for a.ctx.Err() == nil {
		if g, err := a.signIn(people[mrand.IntN(len(people))]); err != nil {
			break
		} else if g != nil {
			kept = append(kept, g)
		}
		if len(kept) > 0 {
			for range 2 {
				if err := a.use(kept[mrand.IntN(len(kept))]); err != nil {
					return kept
				}
			}
		}
		time.Sleep(20 * time.Millisecond) // two cores run everything
	}
	return kept
}

// signIn is one login from the link to the tokens. Its grant is nil when the code's answer was lost.
func (a *application) signIn(w *neartest.Wallet) (*grant, error) {
	verifier := crand.Text() + crand.Text()
	c, err := a.authorize(verifier)
	if c == nil {
		return nil, err
	}
	if mrand.IntN(20) == 0 {
		return nil, a.intrude(c, w.AccountID)
	}
	r, err := a.prove(c, w.AccountID, w)
	if err != nil || !a.expect("verify", r, http.StatusOK) {
		return nil, err
	}
	to, err := url.Parse(r.text("redirect_to"))
	if err != nil || to.Query().Get("code") == "" {
		a.ledger.wrongf("verify leads to %q", r.text("redirect_to"))
		return nil, nil
	}
	code := to.Query().Get("code")
	a.ledger.coded(c.Login, code)
	return a.redeem(code, verifier, w.AccountID)
}

// intrude has a wallet sign whose key is not one of the account's.
func (a *application) intrude(c *challenge, account string) error {
	r, err := a.prove(c, account, neartest.NewWallet("mallory.testnet"))
	if err == nil && (r.status < 400 || r.text("redirect_to") != "") {
		a.ledger.wrongf("a stranger's key is accepted: %v", r)
	}
	return err
}

func (a *application) redeem(code, verifier, account string) (*grant, error) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier}}
	r, err := a.post("/token", form)
	if err != nil {
		return nil, err
	}
	if r.retried && r.text("error") == "invalid_grant" {
		// The code was spent, and its answer lost: the person signs in once more.
		a.ledger.note(func(p *phase, _ time.Time) { p.lostCodes++ })
		return nil, nil
	}
	if !a.expect("token", r, http.StatusOK) {
		return nil, nil
	}
	g := &grant{account: account, access: r.text("access_token"), refresh: r.text("refresh_token")}
	a.ledger.issued(code, a.tokenID(g.access))
	a.ledger.note(func(p *phase, now time.Time) { p.signedIn(now) })
	if r, err = a.insist("GET", "/userinfo", "", "Authorization", "Bearer "+g.access); err != nil {
		return g, err
	}
	if a.expect("userinfo", r, http.StatusOK) && r.text("sub") != account {
		a.ledger.wrongf("%s signed in and came out as %s", account, r.text("sub"))
	}
	if mrand.IntN(20) == 0 { // whoever stole the code is late, and ends what came of it
		if r, err = a.post("/token", form); err != nil {
			return nil, err
		}
		if r.text("error") != "invalid_grant" {
			a.ledger.wrongf("a code is redeemed twice: %v", r)
		}
		g.dead = true
	}
	return g, nil
}

// use does with a grant what applications do, and now and then ends it.
func (a *application) use(g *grant) error {
	if err := a.rotate(g); err != nil {
		return err
	}
	if err := a.introspect(g); err != nil {
		return err
	}
	if g.dead || mrand.IntN(20) != 0 {
		return nil
	}
	r, err := a.post("/revoke", url.Values{"token": {g.refresh}})
	if err != nil {
		// It may be revoked or not; nobody was told.
		g.dead = true
		return err
	}
	g.dead = a.expect("revoke", r, http.StatusOK)
	return nil
}

// rotate refreshes. A token whose answer was lost is sent again within the grace period.
func (a *application) rotate(g *grant) error {
	r, err := a.post("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {g.refresh}})
	if err != nil {
		return err
	}
	if g.dead {
		if r.text("error") != "invalid_grant" {
			a.ledger.wrongf("a grant that was ended is refreshed: %v", r)
		}
		return nil
	}
	if !a.expect("refresh", r, http.StatusOK) {
		g.dead = true // said once
		return nil
	}
	successor, access := r.text("refresh_token"), r.text("access_token")
	a.ledger.rotated(g.refresh, successor, a.tokenID(access))
	g.refresh, g.access = successor, access
	g.rotations++
	a.ledger.note(func(p *phase, _ time.Time) { p.refreshes++ })
	return nil
}

// introspect asks about the access token, which is worth as much as its grant.
func (a *application) introspect(g *grant) error {
	r, err := a.post("/introspect", url.Values{"token": {g.access}})
	if err != nil || !a.expect("introspect", r, http.StatusOK) {
		return err
	}
	if active := string(r.body) != "" && r.status == http.StatusOK && isActive(r); active == g.dead {
		a.ledger.wrongf("introspection says active=%t of a grant whose end was acknowledged: %t", active, g.dead)
	}
	return nil
}
