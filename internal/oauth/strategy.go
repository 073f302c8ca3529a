package oauth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"near-idp/internal/idp"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"
)

// Token types: the "typ" header keeps an ID token from passing for an access
// token and the other way round (RFC 9068 section 2.1).
const (
	typAccessToken = "at+jwt"
	typIDToken     = "JWT"
)

// Codes and refresh tokens carry a prefix, so that a leaked one is recognised.
const (
	codePrefix    = "nac_"
	refreshPrefix = "nrt_"
	macCode       = "authorization code"
	macRefresh    = "refresh token"
	grantIDSize   = 16
	macLength     = 43 // in base64url
)

// strategy makes the tokens.
type strategy struct{ p *Provider }

var (
	_ oauth2.CoreStrategy               = strategy{}
	_ openid.OpenIDConnectTokenStrategy = strategy{}
)

// GenerateAuthorizeCode derives the code from the login's id with a secret
// key. Its hash alone is stored; the browser that holds the login can be sent
// to the client again with the same code if the first answer was lost.
func (s strategy) GenerateAuthorizeCode(ctx context.Context, _ fosite.Requester) (code, signature string, err error) {
	id := flowOf(ctx).login.ID
	code = encodeCode(id, s.p.Keys.MAC(macCode, []byte(id)))
	return code, s.AuthorizeCodeSignature(ctx, code), nil
}

// encodeCode names the login in its code, by which the one row is found.
func encodeCode(loginID string, mac [32]byte) string {
	return codePrefix + loginID + base64.RawURLEncoding.EncodeToString(mac[:])
}

// codeOf returns the code of a login again, or "" if its key is gone.
func (p *Provider) codeOf(l *idp.Login) string {
	for mac := range p.Keys.MACs(macCode, []byte(l.ID)) {
		code := encodeCode(l.ID, mac)
		if sum := sha256.Sum256([]byte(code)); hmac.Equal(sum[:], l.CodeHash) {
			return code
		}
	}
	return ""
}

// AuthorizeCodeSignature is the code as presentedCode reads it, or "".
func (strategy) AuthorizeCodeSignature(_ context.Context, code string) string {
	text, ok := strings.CutPrefix(code, codePrefix)
	if !ok || len(text) != idp.IDSize+macLength || strings.ContainsFunc(text, notBase64URL) {
		return "" // the database takes no text that is not UTF-8
	}
	sum := sha256.Sum256([]byte(code))
	return text[:idp.IDSize] + hex.EncodeToString(sum[:])
}

func presentedCode(signature string) (code idp.PresentedCode, ok bool) {
	if len(signature) < idp.IDSize {
		return code, false
	}
	hash, err := hex.DecodeString(signature[idp.IDSize:])
	return idp.PresentedCode{LoginID: signature[:idp.IDSize], Hash: hash}, err == nil && len(hash) == sha256.Size
}

// ValidateAuthorizeCode has nothing left to check: the claim did.
func (strategy) ValidateAuthorizeCode(context.Context, fosite.Requester, string) error { return nil }

// GenerateRefreshToken derives the token from the grant and its generation.
func (s strategy) GenerateRefreshToken(ctx context.Context, r fosite.Requester) (token, signature string, err error) {
	id, err := hex.DecodeString(r.GetID())
	if err != nil {
		return "", "", err
	}
	body := binary.BigEndian.AppendUint32(id, flowOf(ctx).grant.Generation)
	mac := s.p.Keys.MAC(macRefresh, body)
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(append(body, mac[:]...)), hex.EncodeToString(body), nil
}

// RefreshTokenSignature authenticates the token, so that a forged one never
// reaches the database, and returns the grant and generation in hexadecimal, or "".
func (s strategy) RefreshTokenSignature(_ context.Context, token string) string {
	const size = grantIDSize + 4
	text, ok := strings.CutPrefix(token, refreshPrefix)
	if !ok || len(text) != base64.RawURLEncoding.EncodedLen(size+sha256.Size) {
		return ""
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != size+sha256.Size {
		return ""
	}
	for mac := range s.p.Keys.MACs(macRefresh, raw[:size]) {
		if hmac.Equal(mac[:], raw[size:]) {
			return hex.EncodeToString(raw[:size])
		}
	}
	return ""
}

// ValidateRefreshToken has nothing left to check: the claim did.
func (strategy) ValidateRefreshToken(context.Context, fosite.Requester, string) error { return nil }

func splitRefresh(signature string) (id string, generation uint32, ok bool) {
	raw, err := hex.DecodeString(signature)
	if err != nil || len(raw) != grantIDSize+4 {
		return "", 0, false
	}
	return hex.EncodeToString(raw[:grantIDSize]), binary.BigEndian.Uint32(raw[grantIDSize:]), true
}

func newGrantID() string {
	id := idp.RawID()
	return hex.EncodeToString(id[:])
}

// accessClaims are those of RFC 9068 section 2.2, and the grant, by which
// userinfo finds out whether the token was revoked.
type accessClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience []string `json:"aud"`
	ClientID string   `json:"client_id"`
	Scope    string   `json:"scope"`
	Expires  int64    `json:"exp"`
	IssuedAt int64    `json:"iat"`
	ID       string   `json:"jti"`
	AuthTime int64    `json:"auth_time,omitempty"`
	GrantID  string   `json:"grant_id"`
	// Confirmation is nil in a bearer token.
	Confirmation *confirmation `json:"cnf,omitempty"`
}

func (s strategy) GenerateAccessToken(ctx context.Context, _ fosite.Requester) (token, signature string, err error) {
	f := flowOf(ctx)
	token, err = s.p.signAccess(f.client.Client, f.grant, f.target, f.key.Thumbprint)
	return token, "", err
}

// signAccess makes an access token for a grant or the part of it that is wanted,
// bound to the key with this thumbprint unless that is empty.
func (p *Provider) signAccess(c *idp.Client, grant *idp.Grant, t target, thumbprint string) (string, error) {
	payload, err := json.Marshal(p.accessClaims(c, grant, t, thumbprint))
	if err != nil {
		return "", err
	}
	return p.Keys.Sign(typAccessToken, p.accessAlg(c), payload)
}

func (p *Provider) accessClaims(c *idp.Client, grant *idp.Grant, t target, thumbprint string) accessClaims {
	now := p.Now()
	claims := accessClaims{
		Issuer: p.Issuer, Subject: grant.Identity.Subject, Audience: t.audience, ClientID: c.ID,
		Scope: strings.Join(t.scopes, " "), ID: rand.Text(), GrantID: grant.ID, IssuedAt: now.Unix(), Expires: now.Add(t.life).Unix(),
		Confirmation: confirm(thumbprint),
	}
	if grant.Identity.AccountID != "" { // a person's
		claims.AuthTime = grant.Identity.AuthTime.Unix()
	}
	return claims
}

// Access tokens are not stored.

func (strategy) AccessTokenSignature(context.Context, string) string { return "" }
func (strategy) ValidateAccessToken(context.Context, fosite.Requester, string) error {
	return fosite.ErrInvalidRequest
}

// GenerateIDToken makes the ID token (OpenID Connect Core sections 2 and
// 3.1.3.6) with the algorithm of the client.
func (s strategy) GenerateIDToken(ctx context.Context, _ time.Duration, r fosite.Requester) (string, error) {
	f := flowOf(ctx)
	var token string
	if response, ok := ctx.Value(fosite.AccessResponseContextKey).(fosite.AccessResponder); ok {
		token = response.GetAccessToken()
	}
	return s.p.signID(f.client.Client, f.grant, token)
}

// signID makes the ID token of a grant, which names the access token that comes with it, if any.
func (p *Provider) signID(c *idp.Client, grant *idp.Grant, accessToken string) (string, error) {
	now, who, alg := p.Now(), grant.Identity, p.alg(c)
	claims := map[string]any{
		"iss":       p.Issuer,
		"aud":       c.ID,
		"iat":       now.Unix(),
		"exp":       now.Add(p.lifetimes(c).IDToken.Std()).Unix(),
		"auth_time": who.AuthTime.Unix(),
		"amr":       []string{"pop"}, // RFC 8176: proof of possession of a key
		"sid":       who.SID,
	}
	maps.Copy(claims, p.disclose(c, who, grant.Scopes, grant.Claims, idp.PlaceIDToken))
	claims["sub"] = who.Subject
	if grant.Nonce != "" {
		claims["nonce"] = grant.Nonce
	}
	if accessToken != "" {
		claims["at_hash"] = leftHalf(alg, accessToken)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return p.Keys.Sign(typIDToken, alg, payload)
}

// leftHalf is the at_hash of a token: half of the hash that the ID token's
// algorithm uses. Ed25519 signs with SHA-512.
func leftHalf(alg, token string) string {
	if alg == idp.EdDSA {
		sum := sha512.Sum512([]byte(token))
		return base64.RawURLEncoding.EncodeToString(sum[:32])
	}
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
