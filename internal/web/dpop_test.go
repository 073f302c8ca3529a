package web_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"near-idp/internal/near"

	"github.com/go-jose/go-jose/v4"
)

// proof is a DPoP proof for a request to the provider.
func (p *provider) proof(key *ecdsa.PrivateKey, method, path, accessToken string) string {
	p.t.Helper()
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": p.issuer + path, "iat": time.Now().Unix()}
	if accessToken != "" {
		sum := sha256.Sum256([]byte(accessToken))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	payload, err := json.Marshal(claims)
	must(p.t, err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key},
		(&jose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", jose.JSONWebKey{Key: key.Public()}))
	must(p.t, err)
	jws, err := signer.Sign(payload)
	must(p.t, err)
	token, err := jws.CompactSerialize()
	must(p.t, err)
	return token
}

// F02, RT01, U01: a device without a secret has its tokens bound to its key, over HTTP from end to end.
func TestTokensOfADeviceAreBoundToItsKey(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	device, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	thief, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	d := p.device("tv", "openid profile offline_access")
	person := p.browser()
	person.press(person.signInFor(d.userCode), url.Values{"decision": {"allow"}})
	tokens := d.postForm("/token", url.Values{"grant_type": {deviceGrant}, "device_code": {d.code}, "client_id": {d.client}},
		"DPoP", p.proof(device, "POST", "/token", "")).json(t)
	access, _ := tokens["access_token"].(string)
	refresh, _ := tokens["refresh_token"].(string)
	if tokens["token_type"] != "DPoP" || refresh == "" {
		t.Fatalf("%v", tokens)
	}
	renew := func(header ...string) reply {
		return d.postForm("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {d.client}}, header...)
	}
	for name, r := range map[string]reply{"no proof": renew(), "thief's proof": renew("DPoP", p.proof(thief, "POST", "/token", ""))} {
		if r.status != http.StatusBadRequest || r.json(t)["error"] != "invalid_grant" {
			t.Errorf("refresh with %s: %d %s", name, r.status, r.body)
		}
	}
	if r := renew("DPoP", p.proof(device, "POST", "/token", "")); r.status != http.StatusOK || r.json(t)["token_type"] != "DPoP" {
		t.Errorf("refresh: %d %s", r.status, r.body)
	}
	proof := p.proof(device, "GET", "/userinfo", access)
	for _, c := range []struct {
		name, scheme, proof string
		status              int
		challenge           string
	}{
		{"bearer", "Bearer ", "", 401, `error="invalid_token"`},
		{"bearer with a proof", "Bearer ", p.proof(device, "GET", "/userinfo", access), 401, `error="invalid_token"`},
		{"no proof", "DPoP ", "", 401, `error="invalid_dpop_proof"`},
		{"thief's proof", "DPoP ", p.proof(thief, "GET", "/userinfo", access), 401, `error="invalid_dpop_proof"`},
		{"its own", "dpop ", proof, 200, ""},
		{"its own again", "DPoP ", proof, 401, `error="invalid_dpop_proof"`},
	} {
		header := []string{"Authorization", c.scheme + access}
		if c.proof != "" {
			header = append(header, "DPoP", c.proof)
		}
		r := d.send("GET", "/userinfo", "", header...)
		got := r.header.Get("WWW-Authenticate")
		if r.status != c.status || c.challenge != "" && (!strings.HasPrefix(got, "DPoP algs=") || !strings.HasSuffix(got, c.challenge)) {
			t.Errorf("%s: %d %q %s", c.name, r.status, got, r.body)
		}
	}
	// RFC 9449 section 7.1: in the form it would be a bearer token.
	if r := d.postForm("/userinfo", url.Values{"access_token": {access}}, "DPoP", p.proof(device, "POST", "/userinfo", access)); r.status != 401 {
		t.Errorf("in the form: %d %s", r.status, r.body)
	}
}

// askChain is the question of a refresh, as the program puts it to the chain.
type askChain struct{ *near.Client }

func (c askChain) HoldsKey(ctx context.Context, accountID, publicKey string) (bool, error) {
	account, err := near.ParseAccountID(accountID)
	if err != nil {
		return false, err
	}
	key, err := near.ParsePublicKey(publicKey)
	if err != nil {
		return false, err
	}
	check, err := c.CheckAccessKey(ctx, account, key)
	return check.Status == near.Authorised, err
}
