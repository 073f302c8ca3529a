package oauth_test

import (
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/oauth"
)

// A13, A14, A15: what each request needs, with and without a session of alice that is an hour old.
func TestDecide(t *testing.T) {
	e := setup(t)
	alice := &idp.Session{Identity: idp.Identity{AccountID: "alice.near", Subject: "alice.near", AuthTime: time.Now().Add(-time.Hour)}}
	for _, c := range []struct {
		change  []string
		session *idp.Session
		want    oauth.Step
		code    string
	}{
		{nil, nil, oauth.StepLogin, ""},
		{nil, alice, oauth.StepResume, ""},
		{[]string{"prompt", "none"}, nil, 0, "login_required"},
		{[]string{"prompt", "none"}, alice, oauth.StepSilent, ""},
		{[]string{"prompt", "login"}, alice, oauth.StepLogin, ""},
		{[]string{"prompt", "login"}, nil, oauth.StepLogin, ""},
		{[]string{"prompt", "consent"}, alice, oauth.StepResume, ""},
		{[]string{"prompt", "consent"}, nil, oauth.StepLogin, ""},
		{[]string{"prompt", "select_account"}, alice, oauth.StepSelect, ""},
		{[]string{"prompt", "select_account"}, nil, oauth.StepLogin, ""},
		{[]string{"prompt", "select_account login"}, alice, oauth.StepLogin, ""},
		{[]string{"prompt", "unheard of"}, alice, oauth.StepResume, ""},
		{[]string{"max_age", "0"}, alice, oauth.StepLogin, ""},
		{[]string{"max_age", "60"}, alice, oauth.StepLogin, ""},
		{[]string{"max_age", "10000"}, alice, oauth.StepResume, ""},
		{[]string{"max_age", "60", "prompt", "none"}, alice, 0, "login_required"},
		{[]string{"login_hint", "alice.near"}, alice, oauth.StepResume, ""},
		{[]string{"login_hint", "bob.near"}, alice, oauth.StepLogin, ""},
		{[]string{"login_hint", "bob.near", "prompt", "none"}, alice, 0, "login_required"},
		{[]string{"login_hint", "someone@example.com"}, alice, oauth.StepResume, ""},
		{[]string{"acr_values", "0", "display", "popup", "ui_locales", "de", "prompt", "none"}, alice, oauth.StepSilent, ""},
	} {
		req, err := e.Authorize(t.Context(), request(c.change...))
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Decide(req, c.session)
		if c.code != "" {
			e.refused(err, c.code)
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%v, session %v: step %v, want %v (%v)", c.change, c.session != nil, got, c.want, err)
		}
	}
}
