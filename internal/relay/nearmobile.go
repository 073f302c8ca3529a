package relay

import (
	"context"
	"fmt"
	"net/http"
)

// NEARMobileOrigin is where NEAR Mobile's own relay is.
const NEARMobileOrigin = "https://near-mobile-signer-backend_production.peersyst.tech"

// NEARMobile is the relay of NEAR Mobile.
type NEARMobile struct{ Options }

// mobileRequest has no callbackUrl, which would be part of what is signed.
type mobileRequest struct {
	Network  string         `json:"network"`
	Message  string         `json:"message"`
	Receiver string         `json:"receiver"`
	Nonce    []int          `json:"nonce"`
	Metadata mobileMetadata `json:"receiverMetadata"`
}

type mobileMetadata struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// mobileState is what the relay tells of a request.
type mobileState struct {
	ID       string  `json:"id"`
	Status   string  `json:"status"`
	Response *signed `json:"response"`
}

// Ask leaves a challenge at the relay.
func (m *NEARMobile) Ask(ctx context.Context, c Challenge) (Request, error) {
	var made mobileState
	err := m.post(ctx, "/api/signer-request/message", mobileRequest{
		Network: c.Network, Message: c.Message, Receiver: c.Recipient, Nonce: numbers(c.Nonce), Metadata: mobileMetadata{c.Name, c.Origin},
	}, &made)
	if err != nil {
		return Request{}, err
	}
	if !plain(made.ID) {
		return Request{}, fmt.Errorf("%w: the request has no id that can be used", ErrMalformed)
	}
	return Request{ID: made.ID}, nil
}

// Answer asks what became of a request.
func (m *NEARMobile) Answer(ctx context.Context, id string) (Answer, error) {
	text, err := m.send(ctx, http.MethodGet, "/api/signer-request/message/"+segment(id), nil)
	if err != nil {
		return Answer{}, err
	}
	var state mobileState
	if err := decode(text, &state); err != nil {
		return Answer{}, err
	}
	switch {
	case state.ID != id:
		return Answer{}, fmt.Errorf("%w: it is about another request", ErrMalformed)
	case state.Status == "pending":
		return Answer{}, nil
	case state.Status == "rejected":
		return Answer{Rejected: true}, nil
	case state.Status == "approved" && state.Response != nil:
		return state.Response.answer()
	}
	return Answer{}, fmt.Errorf("%w: it is neither pending, approved nor rejected", ErrMalformed)
}

// Links lead NEAR Mobile to a request.
func (m *NEARMobile) Links(id string) Links {
	if !plain(id) {
		return Links{}
	}
	link := "near-mobile-wallet://sign/message/" + id
	return Links{QR: link, App: link}
}
