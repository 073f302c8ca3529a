package clients_test

import (
	"strings"
	"testing"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
)

const (
	publicKeys = `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
	// The pair of RFC 8037 appendix A.1.
	privateKeys = `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}`
)

// C07: keys are public, strong and findable, or the client is not registered.
func TestKeysOfSigningClients(t *testing.T) {
	t.Parallel()
	signing := func(change func(*idp.Client)) idp.Client {
		c := valid("jwt")
		c.TokenEndpointAuthMethod, c.JWKS = idp.AuthPrivateKey, publicKeys
		change(&c)
		return c
	}
	for name, change := range map[string]func(*idp.Client){
		"jwks":     func(*idp.Client) {},
		"jwks_uri": func(c *idp.Client) { c.JWKS, c.JWKSURI = "", "https://app.example.com/jwks.json" },
		"loopback": func(c *idp.Client) { c.JWKS, c.JWKSURI = "", "http://127.0.0.1:8080/jwks" },
		"one alg":  func(c *idp.Client) { c.TokenEndpointAuthSigningAlg = idp.EdDSA },
		"unused":   func(c *idp.Client) { c.TokenEndpointAuthMethod = "" },
	} {
		if _, err := clients.Validate(signing(change)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for want, change := range map[string]func(*idp.Client){
		"neither jwks nor jwks_uri": func(c *idp.Client) { c.JWKS = "" },
		"exclude one another":       func(c *idp.Client) { c.JWKSURI = "https://app.example.com/jwks" },
		`"d", which belongs to`:     func(c *idp.Client) { c.JWKS = privateKeys },
		"not a JWK Set":             func(c *idp.Client) { c.JWKS = "keys" },
		"must be https":             func(c *idp.Client) { c.JWKS, c.JWKSURI = "", "http://app.example.com/jwks" },
		"not an absolute URL":       func(c *idp.Client) { c.JWKS, c.JWKSURI = "", "/jwks" },
		"must be https, or":         func(c *idp.Client) { c.JWKS, c.JWKSURI = "", "file://localhost/etc/passwd" },
		"user name or a fragment":   func(c *idp.Client) { c.JWKS, c.JWKSURI = "", "https://a@app.example.com/jwks" },
		"2048 bytes":                func(c *idp.Client) { c.JWKS, c.JWKSURI = "", "https://app.example.com/"+strings.Repeat("a", 2048) },
		`"none" is not known`:       func(c *idp.Client) { c.TokenEndpointAuthSigningAlg = "none" },
		`"HS256" is not known`:      func(c *idp.Client) { c.TokenEndpointAuthSigningAlg = "HS256" },
		"private_key_jwt sign":      func(c *idp.Client) { c.TokenEndpointAuthMethod, c.TokenEndpointAuthSigningAlg = "", idp.ES256 },
	} {
		if _, err := clients.Validate(signing(change)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// C05: a client that signs has no secret, at first or later.
func TestSigningClientsHaveNoSecret(t *testing.T) {
	t.Parallel()
	s := service(newStore(t))
	c := valid("jwt")
	c.TokenEndpointAuthMethod, c.JWKS = idp.AuthPrivateKey, publicKeys
	full, secret, err := s.Create(t.Context(), c, "")
	if err != nil || secret != "" || len(full.Secrets) != 0 || !strings.Contains(string(full.JWKS), "11qYAY") {
		t.Errorf("%v, %+v, %v", secret, full, err)
	}
	if _, _, err := s.AddSecret(t.Context(), "jwt", full.CreatedAt); err == nil {
		t.Error("got a secret later")
	}
}

func TestSecretsAreBounded(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := service(store)
	create(t, store, valid("web"))
	for range 9 {
		if _, _, err := s.AddSecret(t.Context(), "web", full(t, &s).CreatedAt.AddDate(1, 0, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.AddSecret(t.Context(), "web", full(t, &s).CreatedAt.AddDate(1, 0, 0)); err == nil || !strings.Contains(err.Error(), "revoke one") {
		t.Errorf("the eleventh: %v", err)
	}
	for _, secret := range full(t, &s).Secrets {
		if !strings.HasPrefix(secret.Prefix, "ncs_") || len(secret.Prefix) != 8 || secret.CreatedAt.IsZero() {
			t.Errorf("%+v", secret)
		}
	}
}

func full(t *testing.T, s *clients.Service) idp.Client {
	t.Helper()
	c, err := s.Client(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	return c
}
