package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"near-idp/internal/idp"
	"near-idp/internal/limit"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
)

// protocolSteps are answers that have the form of an error and are none: the client is
// to ask again. Canceled is nobody's answer.
var protocolSteps = []string{"authorization_pending", "slow_down", "use_dpop_nonce", "canceled"}

// failed notes why a request fails, for its log line and the audit log. What the
// latter says beyond the line is for operators; package audit bounds and cleans it.
func (s *server) failed(r *http.Request, f failure, err error) {
	entry := entryOf(r)
	entry.reason, entry.cause = f.Code, err
	if exceeded, ok := errors.AsType[*limit.Exceeded](err); ok && s.Limited != nil {
		s.Limited(exceeded.Bucket)
	}
	s.countFailure(s.subject(r), entry, err)
	if s.Audit == nil || slices.Contains(protocolSteps, f.Code) {
		return
	}
	origin := idp.OriginOf(r.Context())
	e := idp.Event{
		Type: s.subject(r) + ".refused", Outcome: idp.OutcomeRefused, Reason: f.Code,
		RequestID: origin.RequestID, Address: origin.Address, Details: map[string]any{},
	}
	if f.Status >= http.StatusInternalServerError {
		e.Type, e.Outcome = s.subject(r)+".failed", idp.OutcomeFailed
	}
	if refusal, ok := errors.AsType[*login.Refusal](err); ok {
		describeRefusal(&e, refusal)
	}
	if refused, ok := errors.AsType[*oauth.Error](err); ok {
		e.ClientID = refused.ClientID
		describeError(&e, refused)
	}
	if e.ClientID == "" && entry.clientID != "" && e.Outcome == idp.OutcomeRefused {
		// It may be a mere claim. In an outage nobody could tell.
		if c, err := s.Clients.Client(r.Context(), entry.clientID); err == nil {
			e.ClientID = c.ID
		}
	}
	s.Audit(e)
}

func describeRefusal(e *idp.Event, refusal *login.Refusal) {
	if refusal.Login != nil {
		e.ClientID = refusal.Login.ClientID
	}
	if accountSyntax.MatchString(refusal.AccountID) {
		e.AccountID = refusal.AccountID
	}
	if why := refusedBecause(refusal); why != "" {
		e.Details["cause"] = why
	}
}

func describeError(e *idp.Event, refused *oauth.Error) {
	why := refused.Why
	if why.Cause == "" {
		why.Cause = refusedBecause(refused)
	}
	for name, value := range map[string]string{
		"description": refused.Description, "cause": why.Cause, "expected": why.Expected, "given": why.Given, "nearest": why.Nearest,
	} {
		if value != "" {
			e.Details[name] = value
		}
	}
}

// subjects are what requests are about, by the first part of their path; the rest are "request".
var subjects = map[string]string{
	"authorize": "authorize", "login": "login", "continue": "login", "consent": "consent", "device": "device", "d": "handoff",
	"device_authorization": "device", "token": "token", "par": "par", "revoke": "revoke", "introspect": "introspect",
	"userinfo": "userinfo", "logout": "logout", "account": "account", "fedcm": "authorize",
	"initiate-login": "authorize", "verify-login": "login",
}

// subject is the noun of the type of a request's event.
func (s *server) subject(r *http.Request) string {
	_, path, _ := strings.Cut(r.Pattern, " ")
	path = strings.TrimPrefix(strings.TrimPrefix(path, s.base+"/"), "api/auth/")
	first, _, _ := strings.Cut(path, "/")
	if noun := subjects[first]; noun != "" {
		return noun
	}
	return "request"
}
