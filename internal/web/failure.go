package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"near-idp/internal/idp"
	"near-idp/internal/limit"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
	"near-idp/internal/text"
)

// A failure is an error as HTTP tells it.
type failure struct {
	Status       int
	Code         string       // of the JSON contract (architecture.md, section 3), the log and RFC 6749
	Heading      text.Message // of the page
	Text         text.Message // a sentence for people
	Args         []string     // what is filled in, as text.Printer.T takes it
	Detail       string       // in English, for who wrote the request; may be empty
	Refused      bool         // a wallet's answer was judged and refused
	Retryable    bool         // the very same request may succeed later
	RetryAfter   int          // seconds; 0: not said
	Authenticate string       // WWW-Authenticate
	Nonce        string       // DPoP-Nonce
	Redirect     string       // answer by going there instead
	FormPost     url.Values   // post these there instead of going; nil: go
}

// Seconds after which it is worth asking again.
const (
	retryDatabase = 5
	retryRPC      = 3
)

// A problem is a request that this package itself refuses.
type problem struct {
	status       int
	code         string
	heading      text.Message // empty: a general one
	text         text.Message // empty: a general one, and detail says the rest
	detail       string       // in English, for who wrote the request
	authenticate string
	retryAfter   int   // seconds; 0: the same request is refused later, too
	err          error // for operators; may be nil
}

func (p *problem) Error() string {
	if p.err != nil {
		return p.code + ": " + p.err.Error()
	}
	return p.code + ": " + string(p.text) + p.detail
}

func (p *problem) Unwrap() error { return p.err }

// failure is the one crossing from errors to answers.
func (s *server) failure(r *http.Request, err error) failure {
	if exceeded, ok := errors.AsType[*limit.Exceeded](err); ok {
		return ofProblem(ofExceeded(exceeded))
	}
	if refusal, ok := errors.AsType[*login.Refusal](err); ok {
		return s.refusal(entryOf(r).reader(), refusal)
	}
	protocol, isProtocol := errors.AsType[*oauth.Error](err)
	if isProtocol && protocol.RedirectTo != "" {
		return failure{Status: http.StatusSeeOther, Code: protocol.Code, Redirect: protocol.RedirectTo, FormPost: protocol.FormPost}
	}
	if errors.Is(err, idp.ErrUnavailable) {
		return failure{
			Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable", Heading: "Try again in a moment",
			Text: "The sign-in service cannot reach its database. Nothing was changed; try again in a moment.", Retryable: true, RetryAfter: retryDatabase,
		}
	}
	switch {
	case isProtocol:
		return ofProtocol(protocol)
	case errors.Is(err, idp.ErrUsed): // its code was redeemed
		return s.refusal(entryOf(r).reader(), &login.Refusal{Reason: login.Used})
	case errors.Is(err, idp.ErrExpired):
		return s.refusal(entryOf(r).reader(), &login.Refusal{Reason: login.Expired})
	}
	if p, ok := errors.AsType[*problem](err); ok {
		return ofProblem(p)
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return ofProblem(errTooLarge(tooLarge))
	}
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		// The caller hung up. 499 is what reverse proxies write into their logs for it.
		return failure{Status: 499, Code: "canceled", Heading: "Cancelled", Text: "The request was cancelled.", Retryable: true}
	}
	return failure{
		Status: http.StatusInternalServerError, Code: "internal", Heading: "Something went wrong",
		Text: "This is a fault of the sign-in service. Try again, and if it stays, tell its operator the request id.",
	}
}

func ofProtocol(e *oauth.Error) failure {
	f := failure{
		Status: e.Status, Code: e.Code, Authenticate: e.Authenticate, Nonce: e.Nonce, Heading: "This sign-in request cannot be used",
		Text: textOfApplication, Detail: e.Description, Retryable: e.Status == http.StatusServiceUnavailable,
	}
	if f.Status == 0 {
		f.Status = http.StatusBadRequest
	}
	if f.Retryable {
		f.RetryAfter = retryDatabase
	}
	return f
}

func ofProblem(p *problem) failure {
	f := failure{Status: p.status, Code: p.code, Heading: p.heading, Text: p.text, Detail: p.detail, Authenticate: p.authenticate,
		Retryable: p.retryAfter > 0, RetryAfter: p.retryAfter}
	if f.Heading == "" {
		f.Heading = "This request cannot be carried out"
	}
	if f.Text == "" {
		f.Text = textOfApplication
	}
	return f
}

// textOfApplication stands where the fault is in a request that no person wrote.
const textOfApplication text.Message = "The application sent a request that is not accepted here."

// description is the sentence for who sent the request: a program's author, in English, if it
// was a program that went wrong, and else the person whose program shows it.
func (f failure) description(reader *text.Printer) string {
	if f.Detail != "" {
		return f.Detail
	}
	return reader.T(f.Text, f.Args...)
}

// body is the JSON of a failure.
func (f failure) body(r *http.Request) map[string]any {
	return map[string]any{
		"error": f.Code, "error_description": f.description(entryOf(r).reader()), "retryable": f.Retryable, "request_id": entryOf(r).id,
	}
}

// oauthCode is the code in the vocabulary of RFC 6749 section 5.2.
func (f failure) oauthCode() string {
	switch f.Code {
	case "rate_limited":
		return "temporarily_unavailable"
	case "internal", "canceled":
		return "server_error"
	case "malformed", "too_large", "unsupported_media_type", "origin_not_allowed":
		return "invalid_request"
	}
	return f.Code
}
