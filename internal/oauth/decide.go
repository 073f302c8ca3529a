package oauth

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"near-idp/internal/idp"
)

// A Step is what an authorization request needs next.
type Step int

// The zero Step, the safe one, asks for a signature.
const (
	StepLogin  Step = iota // sign in with the wallet
	StepSelect             // sign in, or continue with the session
	StepResume             // the session answers; consent may be asked for
	StepSilent             // the session answers, or nobody does
)

// prompt is the parameter of OpenID Connect Core section 3.1.2.1. Values that
// are not defined there are ignored.
type prompt struct{ none, login, consent, selectAccount bool }

func promptOf(form url.Values) prompt {
	values := strings.Fields(form.Get(paramPrompt))
	has := func(value string) bool { return slices.Contains(values, value) }
	return prompt{has("none"), has("login"), has("consent"), has("select_account")}
}

// maxAgeOf is the oldest sign-in that will do; negative if any will.
func maxAgeOf(form url.Values) time.Duration {
	seconds, err := strconv.ParseUint(form.Get(paramMaxAge), 10, 31)
	if err != nil {
		return -1
	}
	return time.Duration(seconds) * time.Second
}

func checkPrompt(form url.Values) *Error {
	if promptOf(form).none && len(strings.Fields(form.Get(paramPrompt))) > 1 {
		return bad(invalidRequest, "The prompt none cannot be combined with others.")
	}
	if age := form.Get(paramMaxAge); age != "" && maxAgeOf(form) < 0 {
		return bad(invalidRequest, "The parameter max_age is not a number of seconds.")
	}
	return nil
}

// Decide is the one place that says what an authorization request needs, given
// the browser's session or nil. It fails with a protocol error if it needs the
// person and may not ask.
func (p *Provider) Decide(r *Request, session *idp.Session) (Step, error) {
	if session == nil || r.prompt.login || !r.suits(session, p.Now()) {
		if r.prompt.none {
			return 0, p.answer(r, bad(loginRequired, "The person has to sign in, and the prompt none forbids to ask."))
		}
		return StepLogin, nil
	}
	switch {
	case r.prompt.none:
		return StepSilent, nil
	case r.prompt.selectAccount:
		return StepSelect, nil
	default:
		return StepResume, nil
	}
}

// suits reports that a session is recent enough and of the account that is asked for.
func (r *Request) suits(session *idp.Session, now time.Time) bool {
	who := session.Identity
	if r.maxAge >= 0 && (r.maxAge == 0 || now.Sub(who.AuthTime) > r.maxAge) {
		return false
	}
	if r.account != "" {
		return r.account == who.AccountID
	}
	// An account in the hint is whom the application expects; clients that know nothing of
	// NEAR send an address, which is nobody here.
	return r.LoginHint == "" || strings.Contains(r.LoginHint, "@") || strings.EqualFold(r.LoginHint, who.AccountID)
}

// ConsentRequired answers a silent request whose person has not agreed yet.
func (p *Provider) ConsentRequired(r *Request) error {
	return p.answer(r, bad(consentRequired, "The person has not agreed yet, and the prompt none forbids to ask."))
}

func (p *Provider) answer(r *Request, e *Error) *Error {
	return p.toClient(&relyingParty{Client: r.Client, redirect: r.redirect, fedCM: r.fedCM}, url.Values{paramState: {r.State}, paramResponseMode: {r.mode}}, e)
}
