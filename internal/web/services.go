package web

import (
	"context"
	"net/http"
	"net/url"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
)

// Logins begins and ends wallet sign-ins; *login.Service is one.
type Logins interface {
	Begin(ctx context.Context, req login.Request) (*idp.Login, error)
	Find(ctx context.Context, id, browser string) (*idp.Login, error)
	Recall(ctx context.Context, id, browser string, take bool) (*idp.Login, error)
	FindByToken(ctx context.Context, token, browser string) (*idp.Login, error)
	FindByNonce(ctx context.Context, nonce [32]byte, browser string) (*idp.Login, error)
	Verify(ctx context.Context, l *idp.Login, a login.Answer) (*login.Outcome, error)
	Renew(ctx context.Context, id, browser string) (*idp.Login, error)
	Deny(ctx context.Context, id, browser string) (*idp.Login, error)
	HandOver(ctx context.Context, id, browser string, from idp.Sender) (*idp.Login, error)
	Handoff(ctx context.Context, loginID string) (*idp.Handoff, error)
	FindHandoff(ctx context.Context, code string) (*idp.Handoff, *idp.Login, error)
	Waiting(ctx context.Context, id string) (*idp.Login, error)
	Over(h *idp.Handoff, waiting *idp.Login) bool
	Take(ctx context.Context, waiting *idp.Login, browser string) (*idp.Login, error)
	Pick(ctx context.Context, l *idp.Login, number int) (allowed bool, err error)
	DenyHandoff(ctx context.Context, loginID, there string) error
	Complete(ctx context.Context, l *idp.Login, h *idp.Handoff, session string) (*login.Outcome, error)
	Session(ctx context.Context, secret string) (*idp.Session, error)
	End(ctx context.Context, sids ...string) error
	Resume(ctx context.Context, req login.Request, session *idp.Session, silent bool) (*idp.Login, error)
	Adopt(ctx context.Context, l *idp.Login, secret string) (*idp.Login, error)
	Terms(ctx context.Context, l *idp.Login) (idp.Consent, error)
	Allow(ctx context.Context, l *idp.Login) (*idp.Login, error)
}

// Protocol speaks OAuth 2.0 and OpenID Connect; *oauth.Provider is one.
type Protocol interface {
	Authorize(ctx context.Context, form url.Values) (*oauth.Request, error)
	Decide(r *oauth.Request, session *idp.Session) (oauth.Step, error)
	ConsentRequired(r *oauth.Request) error
	AccessDenied(r *oauth.Request, cause error) error
	Again(ctx context.Context, l *idp.Login, prompt string) (*oauth.Request, error)
	As(ctx context.Context, l *idp.Login, account string) (*oauth.Request, error)
	Claim(ctx context.Context, r *oauth.Request, loginID string) (string, error)
	Push(ctx context.Context, r *http.Request) (*oauth.PushResponse, error)
	Response(ctx context.Context, l *idp.Login) (oauth.Response, error)
	Token(ctx context.Context, r *http.Request) (*oauth.TokenResponse, error)
	Revoke(ctx context.Context, r *http.Request) error
	Introspect(ctx context.Context, r *http.Request) (*oauth.Introspection, error)
	EndSession(ctx context.Context, form url.Values) (*oauth.LogoutRequest, error)
	AuthorizeDevice(ctx context.Context, r *http.Request, from idp.Sender) (*oauth.DeviceResponse, error)
	FindDevice(ctx context.Context, typed string, from idp.Sender) (*idp.Device, error)
	RequestFor(ctx context.Context, d *idp.Device) (*oauth.Request, error)
	Device(ctx context.Context, l *idp.Login) (*idp.Device, error)
	AllowDevice(ctx context.Context, l *idp.Login, d *idp.Device, number int) (allowed bool, err error)
	DenyDevice(ctx context.Context, l *idp.Login) error
	UserInfo(ctx context.Context, bearer string) (map[string]any, error)
	UserInfoDPoP(ctx context.Context, token, method string, proofs []string) (map[string]any, error)
	DPoPNonce() string
	Metadata() []byte
	JWKS() []byte
}

// Clients is the registry in memory; *clients.Registry is one.
type Clients interface {
	Client(ctx context.Context, id string) (*idp.Client, error)
	// AllowsOrigin reports whether origin is that of a registered redirect URI.
	AllowsOrigin(origin string) bool
}
