package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"near-idp/internal/idp"
)

// A failure is an error as a page tells it.
type failure struct {
	status     int
	code       string
	heading    string
	text       string
	requestID  string // of the request to the API that was refused; empty: the page's own
	actionURL  string // empty: back to the clients
	actionText string
	err        error // for the log
}

func (f *failure) Error() string {
	if f.err != nil {
		return f.code + ": " + f.err.Error()
	}
	return f.code + ": " + f.text
}

func (f *failure) Unwrap() error { return f.err }

var errNoPage = &failure{status: http.StatusNotFound, code: "not_found", heading: "Page not found", text: "There is nothing at this address."}

// asFailure is the one crossing from errors to pages.
func asFailure(r *http.Request, err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if p, ok := errors.AsType[*problem](err); ok {
		return ofProblem(p)
	}
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &failure{status: http.StatusRequestEntityTooLarge, code: "too_large", heading: "That is too much",
			text: fmt.Sprintf("The form has more than %d bytes. Nothing was changed.", big.Limit), err: err}
	}
	switch {
	case errors.Is(err, idp.ErrUnavailable):
		return &failure{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", heading: "Try again in a moment",
			text: "The database does not answer. Nothing was changed.", err: err}
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		return &failure{status: 499, code: "canceled", heading: "Cancelled", text: "The request was cancelled.", err: err}
	}
	return &failure{status: http.StatusInternalServerError, code: "internal", heading: "Something went wrong",
		text: "This is a fault of the provider; its log has the cause under the request id.", err: err}
}

// ofProblem tells what the API refused, in its own words: they name the value and the remedy.
func ofProblem(p *problem) *failure {
	f := &failure{status: p.Status, code: p.Code, text: p.Detail, requestID: p.RequestID, err: p}
	switch p.Code {
	case "not_found":
		f.heading = "There is no such thing"
	case "stale":
		f.heading = "Somebody else changed it meanwhile"
	case "managed_by_config":
		f.heading = "The configuration file owns this"
	case "conflict":
		f.heading = "That does not go together"
	case "temporarily_unavailable":
		f.heading = "Try again in a moment"
	case "internal":
		f.heading = "Something went wrong"
	default:
		f.heading = "This was refused"
	}
	return f
}
