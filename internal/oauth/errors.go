package oauth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/ory/fosite"
)

// An Error is an error response of the protocol (RFC 6749 sections 4.1.2.1 and
// 5.2, RFC 6750 section 3.1, RFC 9449 section 12.2). Code is one of the registered error codes and
// Description plain ASCII that repeats nothing of the request.
type Error struct {
	Status      int
	Code        string
	Description string
	// RedirectTo is where an authorization request is answered. It is empty when
	// the client or its redirect URI could not be trusted: show a page.
	RedirectTo string
	// FormPost is to be posted there instead, if it is not nil.
	FormPost url.Values
	// Authenticate is the value of WWW-Authenticate, if the response needs one.
	Authenticate string
	// Nonce is the value of DPoP-Nonce, if the response needs one (RFC 9449 section 8).
	Nonce string
	Err   error // the cause, for operators; may be nil
	// ClientID is that of the registered client whose request is refused, or empty.
	ClientID string
	Why      Explanation
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Code + ": " + e.Description
	}
	return fmt.Sprintf("%s: %s: %v", e.Code, e.Description, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

const (
	invalidRequest          = "invalid_request"
	invalidClient           = "invalid_client"
	invalidGrant            = "invalid_grant"
	invalidScope            = "invalid_scope"
	invalidTarget           = "invalid_target"
	invalidToken            = "invalid_token"
	unauthorizedClient      = "unauthorized_client"
	unsupportedGrantType    = "unsupported_grant_type"
	unsupportedResponseType = "unsupported_response_type"
	temporarilyUnavailable  = "temporarily_unavailable"
	accessDenied            = "access_denied"
	authorizationPending    = "authorization_pending"
	slowDown                = "slow_down"
	expiredToken            = "expired_token"
	loginRequired           = "login_required"
	consentRequired         = "consent_required"
	insufficientScope       = "insufficient_scope"
	requestNotSupported     = "request_not_supported"
	invalidRequestURI       = "invalid_request_uri"
	requestURINotSupported  = "request_uri_not_supported"
	invalidDPoPProof        = "invalid_dpop_proof"
	useDPoPNonce            = "use_dpop_nonce"
	registrationUnsupported = "registration_not_supported"
)

var errForeignToken = errors.New("not a token of this provider")

func bad(code, description string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: code, Description: description}
}

// fromFosite maps fosite's error to ours. Its codes are narrowed to the
// registered ones, and its hints, which quote the request, are dropped.
func fromFosite(f *flow, err error) error {
	if f.err != nil {
		return f.err
	}
	var rfc *fosite.RFC6749Error
	if !errors.As(err, &rfc) {
		return fmt.Errorf("oauth: %w", err)
	}
	cause := fmt.Errorf("%s: %s %s", rfc.ErrorField, rfc.HintField, rfc.DebugField)
	switch rfc.ErrorField {
	case "invalid_grant":
		e := invalidCode(cause)
		e.Why = Explanation{Cause: "the code or token is malformed, or none of this provider's"}
		return e
	case "unauthorized_client":
		return &Error{Status: http.StatusBadRequest, Code: unauthorizedClient, Err: cause,
			Description: "This client may not use this grant type."}
	case "invalid_request":
		return &Error{Status: http.StatusBadRequest, Code: invalidRequest, Err: cause,
			Description: "The request is missing a parameter or has a malformed one."}
	}
	return fmt.Errorf("oauth: %w: %w", cause, err)
}
