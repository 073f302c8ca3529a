package oauth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/oauth"
	"near-idp/internal/postgres"

	"github.com/go-jose/go-jose/v4"
)

// signers are the keys of the clients that sign; an RSA key takes long to make.
var signers = sync.OnceValue(func() map[string]crypto.Signer {
	must := func(key crypto.Signer, err error) crypto.Signer {
		if err != nil {
			panic(err)
		}
		return key
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	rsaKey, rsaErr := rsa.GenerateKey(rand.Reader, 2048)
	shared := must(rsaKey, rsaErr)
	return map[string]crypto.Signer{idp.ES256: must(ec, err), idp.EdDSA: ed, idp.RS256: shared, idp.PS256: shared}
})

// signingClient registers a client that authenticates by private_key_jwt.
func (e *env) signingClient(id, onlyAlg string) {
	e.Helper()
	set := jose.JSONWebKeySet{}
	for _, alg := range []string{idp.ES256, idp.EdDSA, idp.RS256} {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: signers()[alg].Public(), KeyID: alg})
	}
	text, err := json.Marshal(set)
	if err != nil {
		e.Fatal(err)
	}
	c, err := clients.Validate(idp.Client{ID: id, RedirectURIs: []string{redirect}, TokenEndpointAuthMethod: idp.AuthPrivateKey,
		TokenEndpointAuthSigningAlg: onlyAlg, JWKS: idp.JWKSet(text)})
	if err != nil {
		e.Fatal(err)
	}
	e.clients[id] = &c
}

// assertion signs the claims of a good assertion with changes; nil removes one.
func assertion(t *testing.T, alg, clientID string, changes map[string]any) string {
	t.Helper()
	claims := map[string]any{
		"iss": clientID, "sub": clientID, "aud": issuer, "jti": rand.Text(),
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
	maps.Copy(claims, changes)
	for name, value := range claims {
		if value == nil {
			delete(claims, name)
		}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	kid := alg
	if alg == idp.PS256 {
		kid = idp.RS256
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: signers()[alg]},
		(&jose.SignerOptions{}).WithHeader("kid", kid))
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// asserted is a token request for a code that is worth nothing: whoever is
// authenticated gets invalid_grant.
func asserted(token string, changes ...string) url.Values {
	return codeForm("nac_none", append([]string{"client_id", "", "client_secret", "",
		"client_assertion", token, "client_assertion_type", assertionType}, changes...)...)
}

// C07: each algorithm on the list signs in, at any endpoint's audience, as text or a list of one.
func TestPrivateKeyJWTSignsIn(t *testing.T) {
	e := setup(t)
	e.signingClient("jwt", "")
	for _, alg := range []string{idp.RS256, idp.PS256, idp.ES256, idp.EdDSA} {
		for _, aud := range []any{issuer, []string{issuer}, issuer + "/token"} {
			code := e.signIn(request("client_id", "jwt")).Get("code")
			form := change(asserted(assertion(t, alg, "jwt", map[string]any{"aud": aud})), []string{"code", code})
			if got := e.tokens(form); got.IDToken == "" {
				t.Errorf("%s: no ID token", alg)
			}
		}
	}
	// The one statement more is the one that spends the jti.
	before, token := e.queries.Load(), assertion(t, idp.ES256, "jwt", nil)
	_, err := e.post(change(asserted(token), []string{"code", "short"}))
	e.refused(err, "invalid_grant")
	if got := e.queries.Load() - before; got != 1 {
		t.Errorf("authentication took %d statements", got)
	}
	// client_id may stand beside the assertion, if it is the same.
	_, err = e.post(asserted(assertion(t, idp.ES256, "jwt", nil), "client_id", "jwt"))
	e.refused(err, "invalid_grant")
}

// C07, J09, A10: what an assertion must not be.
func TestForgedAssertionsAreRefused(t *testing.T) {
	e := setup(t)
	e.signingClient("jwt", "")
	e.signingClient("es", idp.ES256)
	now := time.Now().Unix()
	for name, claims := range map[string]map[string]any{
		"another issuer":         {"iss": "other"},
		"another subject":        {"sub": "es"},
		"both another":           {"iss": "web", "sub": "web"},
		"no issuer":              {"iss": nil},
		"no subject":             {"sub": nil},
		"another audience":       {"aud": "https://other.example.com"},
		"two audiences":          {"aud": []string{issuer, "https://other.example.com"}},
		"no audience":            {"aud": nil},
		"issuer with a slash":    {"aud": issuer + "/"},
		"audience is no text":    {"aud": map[string]any{"x": issuer}},
		"no expiry":              {"exp": nil},
		"expired":                {"exp": now - 1},
		"expires now":            {"exp": now},
		"expiry is text":         {"exp": "soon"},
		"six minutes ahead":      {"exp": now + 360},
		"a thousand years ahead": {"exp": 1e300},
		"issued 61 s ahead":      {"iat": now + 61},
		"issued far ahead":       {"iat": 1e300},
		"not before 61 s ahead":  {"nbf": now + 61},
		"no jti":                 {"jti": nil},
		"empty jti":              {"jti": ""},
		"long jti":               {"jti": fmt.Sprintf("%01100d", 1)},
		"jti is a number":        {"jti": 7},
	} {
		_, err := e.post(asserted(assertion(t, idp.ES256, "jwt", claims)))
		if got := e.refused(err, "invalid_client"); got.Status != http.StatusUnauthorized {
			t.Errorf("%s: status %d", name, got.Status)
		}
	}
	b64 := base64.RawURLEncoding.EncodeToString
	payload := fmt.Sprintf(`{"iss":"jwt","sub":"jwt","aud":%q,"jti":"x","exp":%d}`, issuer, now+60)
	good := assertion(t, idp.ES256, "jwt", nil)
	for name, token := range map[string]string{
		"alg none":        b64([]byte(`{"alg":"none"}`)) + "." + b64([]byte(payload)) + ".",
		"alg HS256":       b64([]byte(`{"alg":"HS256","kid":"ES256"}`)) + "." + b64([]byte(payload)) + "." + b64(make([]byte, 32)),
		"no signature":    good[:len(good)-86],
		"other signature": good[:len(good)-86] + b64(make([]byte, 64)),
		"garbage":         "garbage",
		"empty":           "",
	} {
		_, err := e.post(asserted(token))
		e.refused(err, "invalid_client")
		_ = name
	}
	_, err := e.post(asserted(assertion(t, idp.EdDSA, "es", nil))) // registered for ES256 alone
	e.refused(err, "invalid_client")
	_, err = e.post(asserted(assertion(t, idp.ES256, "nobody", nil)))
	e.refused(err, "invalid_client")
	_, err = e.post(asserted(assertion(t, idp.ES256, "web", nil))) // has a secret and no keys
	e.refused(err, "invalid_client")
	_, err = e.post(asserted(good, "client_id", "web"))
	e.refused(err, "invalid_client")
	_, err = e.post(asserted(good, "client_assertion_type", "urn:other"))
	e.refused(err, "invalid_request")
	_, err = e.post(asserted(good, "client_assertion_type", ""))
	e.refused(err, "invalid_request")
	// J09: a clock 10 s ahead is no reason to refuse.
	_, err = e.post(asserted(assertion(t, idp.ES256, "jwt", map[string]any{"iat": now + 10, "nbf": now + 10, "exp": now + 300})))
	e.refused(err, "invalid_grant")
	_, err = e.post(asserted(good))
	e.refused(err, "invalid_grant") // none of the refusals spent it
}

// C07: of 20 parallel uses of one assertion, over two replicas, one is accepted.
func TestAssertionIsAcceptedOnce(t *testing.T) {
	e := setup(t)
	e.signingClient("jwt", "")
	e.signingClient("jwt2", "")
	jti := map[string]any{"jti": "once"}
	token := assertion(t, idp.ES256, "jwt", jti)
	second, err := oauth.New(e.options(postgres.New(e.pool)))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	codes := map[string]int{}
	for i := range 20 {
		wg.Go(func() {
			p := e.Provider
			if i%2 == 1 {
				p = second
			}
			_, err := p.Token(t.Context(), &http.Request{Method: http.MethodPost, Header: http.Header{}, PostForm: asserted(token)})
			refusal, _ := err.(*oauth.Error)
			mu.Lock()
			defer mu.Unlock()
			codes[refusal.Code]++
		})
	}
	wg.Wait()
	if codes["invalid_grant"] != 1 || codes["invalid_client"] != 19 {
		t.Errorf("%v", codes)
	}
	_, err = e.post(asserted(assertion(t, idp.EdDSA, "jwt", jti))) // another signature under the same jti
	e.refused(err, "invalid_client")
	_, err = e.post(asserted(assertion(t, idp.ES256, "jwt2", jti))) // another client's jti is its own
	e.refused(err, "invalid_grant")
}

// C02: a request authenticates in one way.
func TestMoreThanOneMethodIsRefused(t *testing.T) {
	e := setup(t)
	e.signingClient("jwt", "")
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("web:"+secret))
	token := assertion(t, idp.ES256, "jwt", nil)
	for name, c := range map[string]struct {
		header []string
		form   url.Values
	}{
		"basic and post":      {[]string{basic}, codeForm("nac_none")},
		"basic twice":         {[]string{basic, basic}, codeForm("nac_none", "client_secret", "")},
		"post and assertion":  {nil, asserted(token, "client_secret", secret)},
		"basic and assertion": {[]string{basic}, asserted(token)},
		"basic and type":      {[]string{basic}, codeForm("nac_none", "client_secret", "", "client_assertion_type", assertionType)},
	} {
		_, err := e.Token(t.Context(), &http.Request{Method: http.MethodPost, Header: http.Header{"Authorization": c.header}, PostForm: c.form})
		e.refused(err, "invalid_request")
		_ = name
	}
}

// C03: a client is held to the method that it registered.
func TestRegisteredMethodIsEnforced(t *testing.T) {
	e := setup(t)
	e.signingClient("jwt", "")
	e.clients["jwt"].Secrets = e.clients["web"].Secrets // left over from an earlier method
	basic := func(id string) http.Header {
		return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}}
	}
	for name, c := range map[string]struct {
		header http.Header
		form   url.Values
	}{
		"post, registered for basic":           {http.Header{}, codeForm("nac_none", "client_id", "basic")},
		"none, registered for basic":           {http.Header{}, codeForm("nac_none", "client_id", "basic", "client_secret", "")},
		"none, registered for a secret":        {http.Header{}, codeForm("nac_none", "client_secret", "")},
		"post, registered for none":            {http.Header{}, codeForm("nac_none", "client_id", "spa")},
		"post, registered for private_key_jwt": {http.Header{}, codeForm("nac_none", "client_id", "jwt")},
		"basic, registered for private_key":    {basic("jwt"), codeForm("nac_none", "client_id", "", "client_secret", "")},
		"none, registered for private_key_jwt": {http.Header{}, codeForm("nac_none", "client_id", "jwt", "client_secret", "")},
	} {
		_, err := e.Token(t.Context(), &http.Request{Method: http.MethodPost, Header: c.header, PostForm: c.form})
		e.refused(err, "invalid_client")
		_ = name
	}
}

// C04: Basic credentials are form-encoded; a colon or a percent sign in the secret survives.
func TestBasicCredentialsAreFormDecoded(t *testing.T) {
	e := setup(t)
	for _, odd := range []string{"a:b%c+d e/é" + secret, secret} {
		e.setSecret("web", odd)
		header := "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape("web")+":"+url.QueryEscape(odd)))
		_, err := e.Token(t.Context(), &http.Request{Method: http.MethodPost, Header: http.Header{"Authorization": {header}},
			PostForm: codeForm("nac_none", "client_id", "", "client_secret", "")})
		e.refused(err, "invalid_grant")
	}
}

// C05: several secrets are live at once, and an expired one stops at its second.
func TestExpiredSecretStopsAndOthersGoOn(t *testing.T) {
	e := setup(t)
	e.setSecret("web", secret)
	e.clients["web"].Secrets = append(e.clients["web"].Secrets, e.clients["other"].Secrets...)
	e.clients["web"].Secrets[0].ExpiresAt = time.Now().Add(-time.Millisecond)
	_, err := e.post(codeForm("nac_none"))
	e.refused(err, "invalid_grant") // the second one is the same text and has no end
	e.clients["web"].Secrets = e.clients["web"].Secrets[:1]
	_, err = e.post(codeForm("nac_none"))
	e.refused(err, "invalid_client")
}
