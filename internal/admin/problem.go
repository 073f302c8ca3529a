package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"near-idp/internal/account"
	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/observe"
)

// A problem is an error as RFC 9457 tells it, with a code for programs, the
// request's id, and what is wrong with each field.
type problem struct {
	Status    int            `json:"status"`
	Title     string         `json:"title"`
	Code      string         `json:"code"`
	Detail    string         `json:"detail,omitempty"`
	RequestID string         `json:"request_id,omitempty"`
	Errors    []fieldProblem `json:"errors,omitempty"`
	Plan      *clients.Plan  `json:"plan,omitempty"` // of many changes, which was not carried out

	authenticate string
	retryAfter   int   // seconds
	err          error // for the log
}

// A fieldProblem is what is wrong with one member of a body, or one parameter.
type fieldProblem struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

func (p *problem) Error() string {
	if p.err != nil {
		return p.Code + ": " + p.err.Error()
	}
	return p.Code + ": " + p.Detail
}

func (p *problem) Unwrap() error { return p.err }

var (
	errNoResource = &problem{Status: http.StatusNotFound, Code: "not_found", Detail: "There is no such resource; /admin/openapi.json lists them all."}
	errNoKey      = &problem{Status: http.StatusUnauthorized, Code: "unauthorized", authenticate: `Bearer`,
		Detail: "Send an API key as Authorization: Bearer idpk_…; make one with: idp api-key create --local"}
	errBadKey = &problem{Status: http.StatusUnauthorized, Code: "unauthorized", authenticate: `Bearer error="invalid_token"`,
		Detail: "The API key is unknown, revoked or expired."}
	errMediaType = &problem{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type", Detail: "Send a body of application/json."}
)

func tooMany(wait time.Duration) error {
	return &problem{Status: http.StatusTooManyRequests, Code: "rate_limited", retryAfter: max(1, int(math.Ceil(wait.Seconds()))),
		Detail: "There were too many requests without a right key from this address. Wait a moment."}
}

func forbidden(scope string) error {
	return &problem{Status: http.StatusForbidden, Code: "forbidden", authenticate: `Bearer error="insufficient_scope", scope="` + scope + `"`,
		Detail: "This needs a key with the scope " + scope + "."}
}

// invalid is a refusal of what was sent, nil for an empty list.
func invalid(list []fieldProblem) error {
	if len(list) == 0 {
		return nil
	}
	return unprocessable(list)
}

func unprocessable(list []fieldProblem) *problem {
	detail := list[0].Field + " " + list[0].Detail
	if len(list) > 1 {
		detail = fmt.Sprintf("%d things are wrong; errors lists them.", len(list))
	}
	return &problem{Status: http.StatusUnprocessableEntity, Code: "invalid", Detail: detail, Errors: list}
}

var fieldLine = regexp.MustCompile(`^([a-z_]+(?:\.[a-z_]+)?) (.*)$`)

// invalidClient splits what the registry says, a line for each mistake, by the field that
// each line begins with.
func invalidClient(err error) *problem {
	var list []fieldProblem
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSpace(line)
		if m := fieldLine.FindStringSubmatch(line); m != nil {
			list = append(list, fieldProblem{m[1], m[2]})
		} else {
			list = append(list, fieldProblem{"client", line})
		}
	}
	return unprocessable(list)
}

// asProblem is the one crossing from errors to answers.
func asProblem(r *http.Request, err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &problem{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Detail: fmt.Sprintf("The body has more than %d bytes.", big.Limit)}
	}
	if bad, ok := errors.AsType[*clients.Invalid](err); ok {
		return invalidClient(bad)
	}
	if bad, ok := errors.AsType[*account.Invalid](err); ok {
		return unprocessable([]fieldProblem{{bad.Field, bad.Err.Error()}})
	}
	switch {
	case errors.Is(err, idp.ErrUnavailable):
		return &problem{Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable", retryAfter: 5, err: err,
			Detail: "The database does not answer. Nothing was changed; try again in a moment."}
	case errors.Is(err, idp.ErrNotFound):
		return &problem{Status: http.StatusNotFound, Code: "not_found", Detail: sentence(err), err: err}
	case errors.Is(err, idp.ErrStale):
		return &problem{Status: http.StatusPreconditionFailed, Code: "stale", Detail: sentence(err), err: err}
	case errors.Is(err, idp.ErrManagedByConfig):
		return &problem{Status: http.StatusConflict, Code: "managed_by_config", Detail: sentence(err), err: err}
	case errors.Is(err, idp.ErrConflict):
		return &problem{Status: http.StatusConflict, Code: "conflict", Detail: sentence(err), err: err}
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		return &problem{Status: 499, Code: "canceled", Detail: "The request was cancelled.", err: err}
	}
	return &problem{Status: http.StatusInternalServerError, Code: "internal", err: err,
		Detail: "This is a fault of the provider; its log has the cause under the request's id."}
}

// sentence is an error of ours as a sentence; such errors say what, with which value, and what to do.
func sentence(err error) string {
	text := err.Error()
	if first, _, _ := strings.Cut(text, " "); strings.Contains(first, "_") {
		return text + "." // the name of a member
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

func (s *Server) writeProblem(w http.ResponseWriter, r *http.Request, p problem) {
	p.RequestID = observe.Of(r).ID
	if p.Title = http.StatusText(p.Status); p.Title == "" {
		p.Title = "Client Closed Request"
	}
	if p.authenticate != "" {
		w.Header().Set("WWW-Authenticate", p.authenticate)
	}
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	body, err := json.Marshal(p)
	if err != nil {
		s.Log.ErrorContext(r.Context(), "render a problem", "err", err)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // nobody is there any more
}
