package clients

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"near-idp/internal/idp"
	"near-idp/internal/jose"
)

const maxKeysURI = 2048 // bytes

// checkKeys checks the keys that a client signs its assertions with (RFC 7523).
// A private key here would be in the hands of all who can read the registration.
func checkKeys(c idp.Client) error {
	var problems []error
	add := func(bad bool, text string) {
		if bad {
			problems = append(problems, errors.New(text))
		}
	}
	signs := c.TokenEndpointAuthMethod == idp.AuthPrivateKey
	add(c.JWKS != "" && c.JWKSURI != "", "jwks and jwks_uri exclude one another: keep jwks_uri if the application publishes its keys, else jwks")
	add(signs && c.JWKS == "" && c.JWKSURI == "", "token_endpoint_auth_method is private_key_jwt, but neither jwks nor jwks_uri says with which keys: give one of them")
	if c.JWKS != "" {
		if _, err := jose.ParseSet([]byte(c.JWKS)); err != nil {
			problems = append(problems, fmt.Errorf("jwks %w", err))
		} else if !storable([]byte(c.JWKS)) {
			problems = append(problems, errors.New("jwks has a null character, half a surrogate pair or a number out of range: remove it"))
		}
	}
	if err := checkKeysURI(c.JWKSURI); err != nil {
		problems = append(problems, fmt.Errorf("jwks_uri %q %w", shorten(c.JWKSURI), err))
	}
	if alg := c.TokenEndpointAuthSigningAlg; alg != "" {
		add(!signs, "token_endpoint_auth_signing_alg is set, but only clients with the token_endpoint_auth_method private_key_jwt sign: remove it")
		add(!slices.Contains(jose.Algs, alg), fmt.Sprintf("token_endpoint_auth_signing_alg %q is not known: use one of %s", shorten(alg), strings.Join(jose.Algs, ", ")))
	}
	return errors.Join(problems...)
}

// storable reports that PostgreSQL takes a JSON text, which it does not if there is a null
// character in it, a lone surrogate (which reads as U+FFFD here) or a number beyond all bounds.
func storable(text []byte) bool {
	var value any
	if json.Unmarshal(text, &value) != nil {
		return false
	}
	var sound func(value any) bool
	sound = func(value any) bool {
		switch value := value.(type) {
		case string:
			return !strings.ContainsAny(value, "\x00\uFFFD")
		case []any:
			return !slices.ContainsFunc(value, func(element any) bool { return !sound(element) })
		case map[string]any:
			for name, member := range value {
				if !sound(name) || !sound(member) {
					return false
				}
			}
		}
		return true
	}
	return sound(value)
}

// checkKeysURI wants TLS, since whoever answers in the client's place becomes the client.
func checkKeysURI(uri string) error {
	if uri == "" {
		return nil
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return errors.New("is not an absolute URL")
	case len(uri) > maxKeysURI:
		return fmt.Errorf("has more than %d bytes", maxKeysURI)
	case u.User != nil || strings.Contains(uri, "#"):
		return errors.New("has a user name or a fragment: remove it")
	case u.Scheme == "https", u.Scheme == "http" && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()):
		return nil
	}
	return errors.New("must be https, or http on a loopback host")
}
