package oauth

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"near-idp/internal/idp"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/token/jwt"
)

// A flow is one pass through fosite. It travels in the context, so that the
// storage and the strategies, which fosite calls many times, touch the database once.
type flow struct {
	client *relyingParty
	login  *idp.Login      // authorization: the login that a code is made for
	code   *idp.Code       // authorization: the code that was made
	key    idp.ProvenKey   // token: the key that the request proved to hold
	grant  *idp.Grant      // token: the grant that was claimed
	claim  *fosite.Request // token: the same, as fosite wants it
	target target          // token: the part of it that the access token is for
	err    error           // what the database said, kept from fosite's rewriting
}

type flowKey struct{}

func withFlow(ctx context.Context, f *flow) context.Context {
	return context.WithValue(ctx, flowKey{}, f)
}

func flowOf(ctx context.Context) *flow { return ctx.Value(flowKey{}).(*flow) }

// authenticated tells fosite who was authenticated before it was called.
func authenticated(ctx context.Context, _ *http.Request, _ url.Values) (fosite.Client, error) {
	return flowOf(ctx).client, nil
}

// A relyingParty shows a client to fosite. It is deliberately not a
// fosite.OpenIDConnectClient: those may send request objects, of which fosite accepts unsigned ones.
type relyingParty struct {
	*idp.Client
	redirect string   // the redirect URI of this request, already matched
	audience []string // of the grant that is claimed
	fedCM    bool     // the request came by FedCM, and nothing is answered by a redirect
}

var _ fosite.Client = (*relyingParty)(nil)

func (c *relyingParty) GetID() string                      { return c.ID }
func (c *relyingParty) GetHashedSecret() []byte            { return nil }
func (c *relyingParty) GetRedirectURIs() []string          { return []string{c.redirect} }
func (c *relyingParty) GetGrantTypes() fosite.Arguments    { return c.GrantTypes }
func (c *relyingParty) GetResponseTypes() fosite.Arguments { return c.ResponseTypes }
func (c *relyingParty) GetScopes() fosite.Arguments        { return c.Scopes() }
func (c *relyingParty) IsPublic() bool                     { return c.Public() }
func (c *relyingParty) GetAudience() fosite.Arguments      { return c.audience }

// A session is the little that fosite must know of who signed in. Times and
// claims of tokens are set by the strategy.
type session struct {
	subject string
	claims  *jwt.IDTokenClaims
	expires map[fosite.TokenType]time.Time
}

var _ openid.Session = (*session)(nil)

func newSession(subject string) *session {
	return &session{subject, &jwt.IDTokenClaims{Subject: subject}, map[fosite.TokenType]time.Time{}}
}

func (s *session) SetExpiresAt(k fosite.TokenType, t time.Time) { s.expires[k] = t }
func (s *session) GetExpiresAt(k fosite.TokenType) time.Time    { return s.expires[k] }
func (s *session) GetUsername() string                          { return "" }
func (s *session) GetSubject() string                           { return s.subject }
func (s *session) Clone() fosite.Session                        { return newSession(s.subject) }
func (s *session) IDTokenClaims() *jwt.IDTokenClaims            { return s.claims }
func (s *session) IDTokenHeaders() *jwt.Headers                 { return &jwt.Headers{} }
