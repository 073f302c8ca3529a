package main

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// The two headers keep an access token from passing for an ID token (RFC 9068
// section 2.1).
var (
	accessHeader = encode([]byte(`{"alg":"ES256","kid":"floor","typ":"at+jwt"}`))
	idHeader     = encode([]byte(`{"alg":"ES256","kid":"floor","typ":"JWT"}`))
)

func (s *server) accessToken(g *grant) string {
	subject, now := g.account, time.Now().Unix()
	if subject == "" {
		subject = s.client
	}
	claims := append(make([]byte, 0, 512), `{"iss":"`...)
	claims = append(append(claims, s.issuer...), `","aud":"`...)
	claims = append(append(claims, s.issuer...), `","sub":"`...)
	claims = append(append(claims, subject...), `","client_id":"`...)
	claims = append(append(claims, s.client...), `","scope":"`...)
	claims = append(append(claims, g.scope...), `","grant_id":"`...)
	claims = append(append(claims, encode(g.id)...), `","jti":"`...)
	claims = append(append(claims, encode(newID())...), `","iat":`...)
	claims = append(strconv.AppendInt(claims, now, 10), `,"exp":`...)
	claims = append(strconv.AppendInt(claims, now+900, 10), '}')
	return s.sign(accessHeader, claims)
}

func (s *server) idToken(g *grant, access string) string {
	hash, now := sha256.Sum256([]byte(access)), time.Now().Unix()
	nonce, _ := json.Marshal(g.nonce) // a string always can
	claims := append(make([]byte, 0, 512), `{"iss":"`...)
	claims = append(append(claims, s.issuer...), `","aud":"`...)
	claims = append(append(claims, s.client...), `","sub":"`...)
	claims = append(append(claims, g.account...), `","sid":"`...)
	claims = append(append(claims, encode(g.sid)...), `","at_hash":"`...)
	claims = append(append(claims, encode(hash[:16])...), `","nonce":`...)
	claims = append(append(claims, nonce...), `,"auth_time":`...)
	claims = append(strconv.AppendInt(claims, g.authTime.Unix(), 10), `,"iat":`...)
	claims = append(strconv.AppendInt(claims, now, 10), `,"exp":`...)
	claims = append(strconv.AppendInt(claims, now+3600, 10), '}')
	return s.sign(idHeader, claims)
}

// sign makes a JWS (RFC 7515) with ES256.
func (s *server) sign(header string, claims []byte) string {
	signed := header + "." + encode(claims)
	digest := sha256.Sum256([]byte(signed))
	a, b, err := ecdsa.Sign(rand.Reader, s.key, digest[:])
	if err != nil {
		panic(err) // unreachable: the key is good and randomness never fails
	}
	var signature [64]byte
	a.FillBytes(signature[:32])
	b.FillBytes(signature[32:])
	return signed + "." + encode(signature[:])
}

type claims struct {
	Issuer  string `json:"iss"`
	Subject string `json:"sub"`
	Client  string `json:"client_id"`
	Scope   string `json:"scope"`
	Grant   string `json:"grant_id"`
	Expires int64  `json:"exp"`
}

// verified returns the claims of an access token of ours that has not expired.
func (s *server) verified(token string) (*claims, bool) {
	dot := strings.LastIndexByte(token, '.')
	if dot < 0 || !strings.HasPrefix(token, accessHeader+".") {
		return nil, false
	}
	signature, err := decode(token[dot+1:])
	if err != nil || len(signature) != 64 {
		return nil, false
	}
	digest := sha256.Sum256([]byte(token[:dot]))
	if !ecdsa.Verify(&s.key.PublicKey, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return nil, false
	}
	payload, err := decode(token[len(accessHeader)+1 : max(dot, len(accessHeader)+1)])
	var c claims
	if err != nil || json.Unmarshal(payload, &c) != nil || c.Issuer != s.issuer || c.Expires <= time.Now().Unix() {
		return nil, false
	}
	return &c, true
}

// claimsOf repeats an access token's claims as members of a JSON object.
func (s *server) claimsOf(c *claims) []byte {
	return fmt.Appendf(nil, `"iss":%q,"sub":%q,"client_id":%q,"scope":%q,"exp":%d`, c.Issuer, c.Subject, c.Client, c.Scope, c.Expires)
}

// documents renders discovery and JWKS once.
func (s *server) documents() error {
	at := func(path string) string { return s.issuer + path }
	var err error
	s.discovery, err = json.Marshal(map[string]any{
		"issuer": s.issuer, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"), "userinfo_endpoint": at("/userinfo"),
		"introspection_endpoint": at("/introspect"), "jwks_uri": at("/jwks"), "response_types_supported": []string{"code"},
		"grant_types_supported":                 []string{"authorization_code", "refresh_token", "client_credentials"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"}, "code_challenge_methods_supported": []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic"},
	})
	if err != nil {
		return err
	}
	public, err := s.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return err
	}
	s.jwksDoc, err = json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "floor", "x": encode(public[1:33]), "y": encode(public[33:]),
	}}})
	return err
}
