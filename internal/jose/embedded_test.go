package jose

import (
	"encoding/base64"
	"strings"
	"testing"

	"near-idp/internal/idp"

	"github.com/go-jose/go-jose/v4"
)

// The DPoP proof of RFC 9449 section 4.1, and its key's thumbprint of section 6.1.
const (
	exampleProof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19." +
		"eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ." +
		"2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
	exampleThumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
)

// F02: the specification's own example.
func TestProofOfRFC9449(t *testing.T) {
	t.Parallel()
	payload, thumbprint, err := VerifyEmbedded(exampleProof, "dpop+jwt", Algs)
	if err != nil || thumbprint != exampleThumbprint || !strings.Contains(string(payload), `"jti":"-BwC3ESc6acc2lTc"`) {
		t.Errorf("%s %s %v", payload, thumbprint, err)
	}
	for name, algs := range map[string][]string{"no algorithm": nil, "others": {idp.EdDSA, idp.RS256, idp.PS256}} {
		if _, _, err := VerifyEmbedded(exampleProof, "dpop+jwt", algs); err == nil {
			t.Errorf("%s allowed, and it verifies", name)
		}
	}
}

// J05: the key is the header's own and never one from elsewhere, and only such as could be published.
func TestEmbeddedKeyMustBePublic(t *testing.T) {
	t.Parallel()
	for alg, pair := range pairs() {
		public := jose.JSONWebKey{Key: pair.Public()}
		if _, _, err := VerifyEmbedded(sign(t, alg, pair, map[string]any{"typ": "dpop+jwt", "jwk": public}), "dpop+jwt", Algs); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		other := "RS256"
		if alg == other {
			other = "PS256"
		}
		for name, jwk := range map[string]any{
			"private":      jose.JSONWebKey{Key: pair},
			"other alg":    jose.JSONWebKey{Key: pair.Public(), Algorithm: other},
			"encryption":   jose.JSONWebKey{Key: pair.Public(), Use: "enc"},
			"stray member": map[string]any{"kty": "OKP", "crv": "Ed25519", "x": strings.Repeat("A", 43), "d": ""},
			"none":         nil, "a list": []any{public}, "text": "key", "empty": map[string]any{},
		} {
			if _, _, err := VerifyEmbedded(sign(t, alg, pair, map[string]any{"typ": "dpop+jwt", "jwk": jwk}), "dpop+jwt", Algs); err == nil {
				t.Errorf("%s, %s: it verifies", alg, name)
			}
		}
	}
}

// F02: nothing that a stranger sends makes the parser fail, and what it accepts
// has been signed by the key whose thumbprint it returns.
func FuzzVerifyEmbedded(f *testing.F) {
	f.Add(exampleProof)
	f.Add("..")
	f.Add("e30.e30.")
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","typ":"dpop+jwt","jwk":{"kty":"EC","crv":"P-256","x":"","y":""}}`)) + ".e30.AA")
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","typ":"dpop+jwt","jwk":{"kty":"OKP","crv":"Ed25519","x":"AA"}}`)) + ".e30.AA")
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"dpop+jwt","b64":false,"crit":["b64"],"jwk":{"kty":"RSA","n":"AQ","e":"AQAB"}}`)) + ".e30.AA")
	f.Fuzz(func(t *testing.T, token string) {
		payload, thumbprint, err := VerifyEmbedded(token, "dpop+jwt", Algs)
		if err == nil && (len(thumbprint) != 43 || payload == nil) {
			t.Errorf("%q has the thumbprint %q", token, thumbprint)
		}
	})
}
