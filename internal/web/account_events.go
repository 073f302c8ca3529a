package web

import (
	"errors"
	"net/http"

	"near-idp/internal/account"
	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/text"
	"near-idp/web/templates"
)

// occurrences are what events were, in words. Those of the second kind concern no application.
var (
	occurrences = map[string]text.Message{
		"login.succeeded":   "You signed in to {client} with your wallet",
		"login.resumed":     "You continued to {client}, already signed in",
		"consent.granted":   "You allowed {client} to use your account",
		"consent.denied":    "You refused {client}",
		"consent.withdrawn": "You disconnected {client}",
		"device.allowed":    "You signed a device in to {client}",
		"device.denied":     "You refused a device that asked for {client}",
		"token.revoked":     "{client} lost or gave back its access",
		"token.reused":      "{client} used something twice and lost its access",
	}
	occurrencesHere = map[string]text.Message{
		"login.succeeded":  "You signed in here with your wallet",
		"session.ended":    "A browser was signed out",
		"account.exported": "You took a copy of your data",
	}
)

// happened puts an event into words.
func (s *server) happened(r *http.Request, e account.Event) (templates.AccountEvent, error) {
	shown := templates.AccountEvent{Time: e.Time, Place: e.Place, Refused: e.Outcome != idp.OutcomeDone, ByOperator: e.ByOperator}
	shown.What = occurrences[e.Type]
	if e.ClientID == "" || shown.What == "" {
		shown.What = occurrencesHere[e.Type]
	}
	if shown.Refused {
		shown.What = "A sign-in to {client} was refused"
		if e.ClientID == "" {
			shown.What = "A sign-in was refused"
		}
		if why, known := refusals[login.Reason(e.Reason)]; known {
			shown.Reason = entryOf(r).reader().T(why.heading)
		}
	}
	if e.ClientID == "" {
		return shown, nil
	}
	shown.Client = e.ClientID
	c, err := s.Clients.Client(r.Context(), e.ClientID)
	if errors.Is(err, idp.ErrNotFound) {
		return shown, nil
	}
	if err != nil {
		return shown, err
	}
	shown.Client = c.DisplayName()
	return shown, nil
}
