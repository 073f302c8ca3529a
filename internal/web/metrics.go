package web

import (
	"context"
	"errors"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
)

// Metrics counts what happens on the public side. Its methods must not block, and are
// given nothing that a request chose.
type Metrics interface {
	// Request is called when a request is answered, with the pattern of its route. trace is empty unless
	// the request's trace is recorded.
	Request(route, method string, status int, took time.Duration, trace string)
	// Step is called when a login comes to one of the steps below.
	Step(step string)
	// Verified is called when a wallet's answer signed somebody in.
	Verified(wallet string)
	// Refused is called when a login or an answer is refused; wallet is "none" without an answer.
	Refused(reason, wallet string)
	// ProtocolError is called with each error code that an endpoint answers.
	ProtocolError(endpoint, code string)
}

// The steps of a login.
const (
	stepAuthorize = "authorize" // a valid authorization request came
	stepChallenge = "challenge" // a nonce was issued
	stepPage      = "page"      // a person was shown it
	stepSigned    = "signed"    // a wallet's answer came
	stepVerified  = "verified"  // and signed its account in
	stepConsented = "consented" // the person was asked, and agreed
	stepCode      = "code"      // the client was given a code
	stepToken     = "token"     // which it exchanged for tokens
)

// uncounted is Metrics of nobody.
type uncounted struct{}

func (uncounted) Request(string, string, int, time.Duration, string) {}
func (uncounted) Step(string)                                        {}
func (uncounted) Verified(string)                                    {}
func (uncounted) Refused(string, string)                             {}
func (uncounted) ProtocolError(string, string)                       {}

// counted are Logins whose steps are counted.
type counted struct {
	Logins
	s *server
}

func (c counted) Begin(ctx context.Context, req login.Request) (*idp.Login, error) {
	l, err := c.Logins.Begin(ctx, req)
	if err == nil {
		c.s.Metrics.Step(stepChallenge)
	}
	return l, err
}

func (c counted) Verify(ctx context.Context, l *idp.Login, a login.Answer) (*login.Outcome, error) {
	wallet := c.s.walletKind(a.Wallet)
	if e, ok := ctx.Value(entryKey{}).(*entry); ok {
		e.wallet = wallet
	}
	c.s.Metrics.Step(stepSigned)
	out, err := c.Logins.Verify(ctx, l, a)
	c.signedIn(out, err, wallet)
	return out, err
}

func (c counted) Complete(ctx context.Context, l *idp.Login, h *idp.Handoff, session string) (*login.Outcome, error) {
	out, err := c.Logins.Complete(ctx, l, h, session)
	c.signedIn(out, err, "phone")
	return out, err
}

// signedIn counts a sign-in once: the same proof, sent again, makes no session.
func (c counted) signedIn(out *login.Outcome, err error, wallet string) {
	if err != nil || out.SessionSecret == "" {
		return
	}
	c.s.Metrics.Step(stepVerified)
	c.s.Metrics.Verified(wallet)
	c.issued(out.Login, nil)
}

func (c counted) Resume(ctx context.Context, req login.Request, session *idp.Session, silent bool) (*idp.Login, error) {
	l, err := c.Logins.Resume(ctx, req, session, silent)
	c.issued(l, err)
	return l, err
}

func (c counted) Adopt(ctx context.Context, l *idp.Login, secret string) (*idp.Login, error) {
	adopted, err := c.Logins.Adopt(ctx, l, secret)
	c.issued(adopted, err)
	return adopted, err
}

func (c counted) Allow(ctx context.Context, l *idp.Login) (*idp.Login, error) {
	allowed, err := c.Logins.Allow(ctx, l)
	if err == nil {
		c.s.Metrics.Step(stepConsented)
	}
	c.issued(allowed, err)
	return allowed, err
}

func (c counted) issued(l *idp.Login, err error) {
	if err == nil && l != nil && l.CodeHash != nil {
		c.s.Metrics.Step(stepCode)
	}
}

// walletKind bounds what a page says of its wallet to those that are offered here.
func (s *server) walletKind(named string) string {
	switch {
	case named == "":
		return "unnamed"
	case s.CommandLine && named == "near-cli":
		return named
	}
	for i := range s.Wallets {
		if s.Wallets[i].ID == named {
			return named
		}
	}
	return "other"
}

// countFailure counts what is not granted.
func (s *server) countFailure(endpoint string, e *entry, err error) {
	if refusal, ok := errors.AsType[*login.Refusal](err); ok {
		wallet := e.wallet
		if wallet == "" {
			wallet = "none"
		}
		s.Metrics.Refused(string(refusal.Reason), wallet)
		return
	}
	if refused, ok := errors.AsType[*oauth.Error](err); ok {
		s.Metrics.ProtocolError(endpoint, refused.Code)
	}
}
