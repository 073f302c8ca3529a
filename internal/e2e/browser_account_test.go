package e2e

import (
	"testing"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"
)

// TestAccountPages goes through everything that a person has here, without a script: in both
// directions, light and dark, narrow and wide.
func TestAccountPages(t *testing.T) {
	t.Parallel()
	b := newProfile(t, newSite(t, pgtest.DSN(t)).serve())
	w := b.first
	w.withoutScript()
	w.visit("/account")
	w.says("Sign in to")
	w.paste("#cli-noscript", w.printed(b.signer))
	w.at(b.issuer + "/account")
	w.says("No application knows of you here")
	q := newRequest("spa", "openid profile offline_access")
	q.redirectURI = b.app.origin + "/callback"
	w.visit("/authorize?" + q.form().Encode())
	b.signedIn(q) // at once: they are signed in
	for name, path := range map[string]string{
		"access": "/account", "activity": "/account/activity", "proof": "/account/proof", "data": "/account/data", "everywhere": "/account/sign-out-everywhere",
	} {
		w.visit(path)
		w.until(`document.readyState === "complete" && document.querySelector(".account")`)
		w.readable("account-" + name)
	}
	w.speaks("ar")
	w.visit("/account")
	w.until(`document.readyState === "complete" && document.dir === "rtl"`)
	w.readable("account-access-rtl")
	w.speaks("en")
	w.visit("/account")
	w.says("Chrome on Linux")
	w.click(`form[action$="/account/disconnect"] button`)
	w.says("No application knows of you here")
	w.click(`a[href$="/sign-out-everywhere"]`)
	w.says("Sign out everywhere?")
	w.click(".choice .is-primary")
	w.says("You are signed out")
}

// speaks chooses a language by the form that every page has.
func (w *window) speaks(lang string) {
	w.Helper()
	w.visit("/account/data")
	w.until(`document.querySelector("details.languages")`)
	w.click("details.languages summary")
	w.click(`details.languages button[value="` + lang + `"]`)
	w.until(`document.documentElement.lang === ` + quoted(lang))
}

// TestAccountIsChosen has a browser that remembers three accounts choose one that is signed out, then
// think better of it, and go on as who is signed in.
func TestAccountIsChosen(t *testing.T) {
	t.Parallel()
	b := newProfile(t, newSite(t, pgtest.DSN(t)).serve())
	w := b.first
	w.withoutScript()
	me := b.signer
	for _, prefix := range []string{"first-", "a-much-longer-name-than-most-", ""} {
		signer := me
		if prefix != "" {
			signer = neartest.NewWallet(prefix + me.AccountID)
			b.chain.AddKey(signer.AccountID, signer.PublicKey(), neartest.FullAccess)
		}
		w.visit("/logout")
		if prefix != "first-" {
			w.click(`[value=logout]`)
			w.says("You are signed out")
		}
		w.visit("/account")
		w.says("Sign in to")
		w.paste("#cli-noscript", w.printed(signer))
		w.says("Signed in as")
	}
	q := newRequest("spa", "openid profile")
	q.redirectURI = b.app.origin + "/callback"
	form := q.form()
	form.Set("prompt", "select_account")
	w.visit("/authorize?" + form.Encode())
	w.says("Continue as " + me.AccountID)
	w.readable("choose-account")
	w.click(`.known [name=account]`)
	w.says("Use the account a-much-longer-name-than-most-" + me.AccountID)
	w.readable("chosen-account")
	w.click(`.hint a`)
	w.says("Continue as " + me.AccountID)
	w.click(`.accounts .is-primary`)
	b.signedIn(q)
	w.visit("/logout")
	w.says("Sign out and forget this browser")
	w.readable("logout-forget")
	w.click(`[value=forget]`)
	w.says("You are signed out")
	w.visit("/authorize?" + form.Encode())
	w.until(`document.readyState === "complete" && document.querySelector("main")`)
	if value[bool](w, `document.body.innerText.includes("Signed out") || document.querySelector(".accounts") !== null`) {
		t.Error("the browser remembers")
	}
}
