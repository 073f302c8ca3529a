package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/jose"
)

const (
	headerDPoP = "DPoP"
	typProof   = "dpop+jwt"
	// proofWindow is how far, either way, the time of a proof may be from ours. It
	// bounds how long a proof must be remembered, and how long a stolen unused one is of use.
	proofWindow = time.Minute
	maxProofID  = 256 // bytes
)

// proofAlgs sign DPoP proofs.
var proofAlgs = []string{idp.ES256, idp.EdDSA, idp.RS256, idp.PS256}

// signingAlgs are those of all that a client may sign with: fewer under FAPI 2.0.
func signingAlgs(c *idp.Client, all []string) []string {
	if c.IsFAPI2() {
		return idp.FAPI2Algs
	}
	return all
}

// proofClaims are those of RFC 9449 section 4.2.
type proofClaims struct {
	ID        string   `json:"jti"`
	Method    string   `json:"htm"`
	Target    string   `json:"htu"`
	IssuedAt  *float64 `json:"iat"`
	Expires   *float64 `json:"exp"`
	NotBefore *float64 `json:"nbf"`
	TokenHash string   `json:"ath"`
	Nonce     string   `json:"nonce"`
}

// A purpose is the one request that a proof must have been made for.
type purpose struct {
	method      string
	path        string // of the endpoint, below the issuer
	accessToken string // that is shown with it, at a resource
}

// checkProof verifies the DPoP proof of a request (RFC 9449 section 4.3) and
// spends it. It returns the thumbprint of the key that the sender holds. Errors
// are *Error with the status of the token endpoint, or wrap idp.ErrUnavailable.
func (p *Provider) checkProof(ctx context.Context, c *idp.Client, proofs []string, use purpose) (thumbprint string, err error) {
	if len(proofs) != 1 {
		return "", badProof(fmt.Errorf("%d DPoP headers", len(proofs)))
	}
	payload, thumbprint, err := jose.VerifyEmbedded(proofs[0], typProof, signingAlgs(c, proofAlgs))
	if err != nil {
		return "", badProof(err)
	}
	var claims proofClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", badProof(fmt.Errorf("its claims are malformed: %w", err))
	}
	if err := p.checkProofClaims(&claims, use); err != nil {
		if refused, ok := errors.AsType[*Error](err); ok {
			return "", refused
		}
		return "", badProof(err)
	}
	if claims.Nonce == "" && p.RequireDPoPNonce || claims.Nonce != "" && !p.knowsNonce(claims.Nonce) {
		return "", p.wantNonce()
	}
	// Others may use the same jti, or the same key elsewhere.
	spent := sha256.Sum256([]byte(thumbprint + "\x00" + use.path + "\x00" + claims.ID))
	fresh, err := p.Store.SpendProof(ctx, spent[:], seconds(*claims.IssuedAt).Add(proofWindow))
	if err != nil {
		return "", fmt.Errorf("DPoP proof: %w", err)
	}
	if !fresh {
		return "", badProof(errors.New("its jti was used before"))
	}
	return thumbprint, nil
}

func (p *Provider) checkProofClaims(claims *proofClaims, use purpose) error {
	now := p.Now()
	far := func(t *float64) bool { return t != nil && seconds(*t).After(now.Add(proofWindow)) }
	switch {
	case claims.ID == "" || len(claims.ID) > maxProofID:
		return errors.New("jti is missing or too long")
	case claims.Method != use.method:
		return badProof(fmt.Errorf("htm is %.20q, the method %s", claims.Method, use.method)).
			because(Explanation{Cause: "htm of the DPoP proof is not the method of the request", Expected: use.method, Given: quoted(claims.Method)})
	case !sameTarget(claims.Target, p.Issuer+use.path):
		return badProof(fmt.Errorf("htu is %.200q, the endpoint %s", claims.Target, p.Issuer+use.path)).
			because(Explanation{Cause: "htu of the DPoP proof is not the address of the endpoint", Expected: p.Issuer + use.path, Given: quotedURL(claims.Target)})
	case claims.IssuedAt == nil:
		return errors.New("iat is missing")
	case far(claims.IssuedAt) || far(claims.NotBefore):
		return errors.New("iat or nbf is in the future")
	case seconds(*claims.IssuedAt).Before(now.Add(-proofWindow)), claims.Expires != nil && !now.Before(seconds(*claims.Expires)):
		return errors.New("it is too old")
	case use.accessToken != "" && subtle.ConstantTimeCompare([]byte(claims.TokenHash), []byte(s256(use.accessToken))) != 1:
		return errors.New("ath is not the hash of the access token")
	}
	return nil
}

// sameTarget compares htu, without its query and fragment, to the URL of an
// endpoint (RFC 9449 section 4.3, step 9), after the normalization of RFC 3986
// sections 6.2.2 and 6.2.3. The endpoint's URL is the one that we publish: what Host
// header the request has, a proof for another server's is not one for ours.
func sameTarget(htu, endpoint string) bool {
	const longest = 2048
	if len(htu) > longest {
		return false
	}
	got, err := url.Parse(htu)
	if err != nil || got.User != nil || got.Opaque != "" {
		return false
	}
	want, err := url.Parse(endpoint)
	return err == nil && strings.EqualFold(got.Scheme, want.Scheme) && hostPort(got) == hostPort(want) &&
		got.EscapedPath() == want.EscapedPath()
}

// hostPort is the place of a URL with its port spelled out.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[strings.ToLower(u.Scheme)]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// proofKey is the thumbprint of the key that a client's own request proves to
// hold, "" if the request has no proof and needs none.
func (p *Provider) proofKey(ctx context.Context, c *idp.Client, r *http.Request, path string) (string, error) {
	proofs := r.Header.Values(headerDPoP)
	if len(proofs) == 0 && !c.DPoPBoundAccessTokens {
		return "", nil
	}
	return p.checkProof(ctx, c, proofs, purpose{method: r.Method, path: path})
}

// bindToProof binds the code that a pushed request will lead to to the key of
// its proof, if it has one (RFC 9449 section 10.1).
func (p *Provider) bindToProof(ctx context.Context, c *idp.Client, r *http.Request) error {
	proofs := r.Header.Values(headerDPoP)
	if len(proofs) == 0 {
		return nil
	}
	thumbprint, err := p.checkProof(ctx, c, proofs, purpose{method: r.Method, path: "/par"})
	if err != nil {
		return err
	}
	if named := r.PostForm.Get(paramDPoPKey); named != "" && named != thumbprint {
		return badProof(errors.New("dpop_jkt names another key"))
	}
	r.PostForm.Set(paramDPoPKey, thumbprint)
	return nil
}

func badProof(cause error) *Error {
	return &Error{Status: http.StatusBadRequest, Code: invalidDPoPProof, Err: cause, Why: Explanation{Cause: "DPoP proof: " + cause.Error()},
		Description: "The DPoP proof is missing, malformed, too old, used before or made for another request."}
}

// confirmation is the "cnf" claim of a token that is worth something only to
// whoever holds the key with this thumbprint (RFC 9449 section 6).
type confirmation struct {
	Thumbprint string `json:"jkt"`
}

func confirm(thumbprint string) *confirmation {
	if thumbprint == "" {
		return nil
	}
	return &confirmation{thumbprint}
}

// tokenType says how an access token is presented (RFC 9449 section 5).
func tokenType(thumbprint string) string {
	if thumbprint == "" {
		return tokenTypeBearer
	}
	return tokenTypeDPoP
}

// boundTo is the thumbprint of the key that a token is bound to, "" of a bearer token.
func (c *accessClaims) boundTo() string {
	if c.Confirmation == nil {
		return ""
	}
	return c.Confirmation.Thumbprint
}

// challenged makes an error one of a resource that names the scheme which the
// token needs; a proof that is refused is 401 there (RFC 9449 section 7.1).
func challenged(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	if e.Status == http.StatusBadRequest {
		e.Status = http.StatusUnauthorized
	}
	e.Authenticate = DPoPChallenge(e.Code)
	return e
}

// DPoPChallenge is a WWW-Authenticate challenge of the scheme DPoP with an
// error code, or with none.
func DPoPChallenge(code string) string {
	challenge := `DPoP algs="` + strings.Join(proofAlgs, " ") + `"`
	if code != "" {
		challenge += `, error="` + code + `"`
	}
	return challenge
}

// wellFormedThumbprint checks the form of dpop_jkt (RFC 9449 section 10).
func wellFormedThumbprint(text string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(raw) == sha256.Size
}
