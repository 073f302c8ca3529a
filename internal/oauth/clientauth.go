package oauth

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"near-idp/internal/idp"
)

const (
	paramClientSecret        = "client_secret"
	paramClientAssertion     = "client_assertion"
	paramClientAssertionType = "client_assertion_type"

	assertionTypeJWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// Credentials are how a request says which client it is from.
type credentials struct {
	method    string // of the client metadata token_endpoint_auth_method
	id        string
	secret    string
	assertion string
}

// authenticate identifies the client of a request (RFC 6749 section 2.3, OpenID
// Connect Core section 9): by HTTP Basic, the form, a signed assertion, or no
// secret for public clients. Every endpoint that clients call themselves uses it; the body has been
// parsed into r.PostForm. Errors are *Error, or wrap idp.ErrUnavailable.
func (p *Provider) authenticate(ctx context.Context, r *http.Request) (*idp.Client, error) {
	given, err := credentialsOf(r)
	if err != nil {
		return nil, err
	}
	client, err := p.Clients.Client(ctx, given.id)
	fail := func(cause error, why Explanation) error {
		return of(client, unauthenticated(given.method == idp.AuthSecretBasic, cause).because(why))
	}
	switch {
	case errors.Is(err, idp.ErrNotFound):
		return nil, fail(errors.New("unknown client"), p.unknownClient(given.id))
	case err != nil:
		return nil, err
	case client.Disabled:
		return nil, fail(errors.New("client is disabled"), Explanation{})
	case !allowsMethod(client, given.method):
		return nil, fail(errors.New("client authenticates by "+given.method+", which it is not registered for"),
			Explanation{Expected: strings.Join(methodsOf(client), " or "), Given: given.method})
	}
	switch given.method {
	case idp.AuthNone:
		return client, nil
	case idp.AuthPrivateKey:
		if err := p.checkAssertion(ctx, client, given.assertion); errors.Is(err, errAssertion) {
			return nil, fail(err, Explanation{})
		} else if err != nil {
			return nil, err
		}
		return client, nil
	}
	if !p.CheckSecret(client, given.secret, p.Now()) {
		return nil, fail(errors.New("wrong or expired secret"), Explanation{Cause: "no live secret of the client matches the one that was sent"})
	}
	return client, nil
}

// allowsMethod holds a client to its registered method. The empty one means a
// secret, however it is sent.
func allowsMethod(c *idp.Client, method string) bool { return slices.Contains(methodsOf(c), method) }

func methodsOf(c *idp.Client) []string {
	if c.TokenEndpointAuthMethod == "" {
		return []string{idp.AuthSecretBasic, idp.AuthSecretPost}
	}
	return []string{c.TokenEndpointAuthMethod}
}

// credentialsOf reads the one way in which a request authenticates. More than
// one is refused (RFC 6749 section 2.3): it would be unclear which of them counts.
func credentialsOf(r *http.Request) (credentials, error) {
	form := r.PostForm
	c := credentials{method: idp.AuthNone, id: form.Get(paramClientID), secret: form.Get(paramClientSecret)}
	methods := 0
	if c.secret != "" {
		c.method = idp.AuthSecretPost
		methods++
	}
	if form.Get(paramClientAssertion) != "" || form.Get(paramClientAssertionType) != "" {
		c.method = idp.AuthPrivateKey
		methods++
	}
	headers := r.Header.Values("Authorization")
	methods += len(headers)
	if methods > 1 {
		return c, bad(invalidRequest, "Authenticate the client in one way: by the Authorization header, client_secret or client_assertion.")
	}
	if len(headers) == 1 {
		id, secret, ok := basic(headers[0])
		if !ok || (c.id != "" && c.id != id) {
			return c, unauthenticated(true, errors.New("malformed Authorization header, or another client_id in the form"))
		}
		c.id, c.secret, c.method = id, secret, idp.AuthSecretBasic
	}
	if c.method != idp.AuthPrivateKey {
		return c, nil
	}
	c.assertion = form.Get(paramClientAssertion)
	if form.Get(paramClientAssertionType) != assertionTypeJWT {
		return c, bad(invalidRequest, "The parameter client_assertion_type must be "+assertionTypeJWT+".")
	}
	subject := assertionSubject(c.assertion)
	if subject == "" || (c.id != "" && c.id != subject) {
		return c, unauthenticated(false, errors.New("malformed client_assertion, or another client_id in the form"))
	}
	c.id = subject
	return c, nil
}

// basic reads HTTP Basic credentials, which RFC 6749 section 2.3.1 has form-encoded.
func basic(header string) (id, secret string, ok bool) {
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") || len(encoded) > 1024 {
		return "", "", false
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", "", false
	}
	id, secret, ok = strings.Cut(string(raw), ":")
	if !ok {
		return "", "", false
	}
	if id, err = url.QueryUnescape(id); err != nil {
		return "", "", false
	}
	if secret, err = url.QueryUnescape(secret); err != nil {
		return "", "", false
	}
	return id, secret, true
}

// unauthenticated is invalid_client (RFC 6749 section 5.2): one answer for
// every cause, so that nobody learns which clients exist.
func unauthenticated(challenge bool, cause error) *Error {
	e := &Error{Status: http.StatusUnauthorized, Code: invalidClient, Err: cause,
		Description: "Client authentication failed: the client is unknown, its secret or assertion is wrong, or its method is not the registered one."}
	if challenge {
		e.Authenticate = `Basic realm="token"`
	}
	return e
}
