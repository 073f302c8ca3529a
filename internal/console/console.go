// Package console is the admin pages: what an administrator sees and does in a browser.
// The pages hold no rule of their own. Who signed in is a caller of the admin API like any
// other, and each change is a request to it, made inside this process; so the
// rules and the audit log of the two are the same.
package console

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/observe"
	"near-idp/web/static"
)

//go:generate go tool -modfile=../tools/go.mod templ generate

// ErrNoTokens reports that the provider issued nothing for a code.
var ErrNoTokens = errors.New("the provider issued no tokens for the code")

// Keys make and check the MACs of cookies; *keyring.Ring is one.
type Keys interface {
	MAC(purpose string, data []byte) [32]byte
	// MACs yields the MAC of every live key, the current one first.
	MACs(purpose string, data []byte) iter.Seq[[32]byte]
}

// Options configures New. All fields but Brand, Notice, Count, Log and Now are required.
type Options struct {
	Issuer  string // whose administrators these are, and where they sign in
	URL     string // where browsers reach the pages: an origin, without a trailing slash
	Brand   string // the provider's name; empty: the issuer's host
	Notice  string // a banner on every page
	Network string // of the accounts

	API http.Handler // the admin API
	// Admins are the subjects that may sign in, as configured at the moment.
	Admins func() []string
	// Redeem exchanges an authorization code at the provider (RFC 6749 section
	// 4.1.3) and returns the claims of the ID token, whose signature it has verified. The error wraps
	// ErrNoTokens if the provider refused.
	Redeem func(ctx context.Context, code, verifier string) (claims []byte, err error)
	// Session returns the live session of the provider with this sid, or idp.ErrNotFound.
	Session func(ctx context.Context, sid string) (*idp.Session, error)
	// End ends sessions of the provider, and what was granted in them.
	End  func(ctx context.Context, sids ...string) error
	Keys Keys

	// Count is called with each request that was answered; nil: nobody counts.
	Count func(route, method string, status int, took time.Duration)

	Log *slog.Logger     // nil: slog.Default()
	Now func() time.Time // nil: time.Now
}

// A Server answers the admin pages.
type Server struct {
	Options
	secure     bool // browsers reach the pages by https
	sameOrigin *http.CrossOriginProtection
	handler    http.Handler
}

// New returns a Server. It fails only on options that no configuration check lets through.
func New(opts Options) (*Server, error) {
	own, err := url.Parse(opts.URL)
	if err != nil || own.Host == "" || own.Path != "" || (own.Scheme != "https" && own.Scheme != "http") {
		return nil, fmt.Errorf("admin.url %q is not an http or https origin", opts.URL)
	}
	issuer, err := url.Parse(opts.Issuer)
	if err != nil || issuer.Host == "" {
		return nil, fmt.Errorf("issuer %q is not a URL", opts.Issuer)
	}
	s := &Server{Options: opts, secure: own.Scheme == "https", sameOrigin: http.NewCrossOriginProtection()}
	// A proxy may change the Host header that the origin would be compared with.
	if err := s.sameOrigin.AddTrustedOrigin(opts.URL); err != nil {
		return nil, fmt.Errorf("admin.url %q: %w", opts.URL, err)
	}
	if s.Brand == "" {
		s.Brand = issuer.Hostname()
	}
	if s.Log == nil {
		s.Log = slog.Default()
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	lines := observe.Log{Log: s.Log, Now: s.Now, Message: "admin page", Refusals: true, Count: s.Count}
	s.handler = lines.Requests(s.fromHere(s.dispatch(s.routes())))
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// routes is the whole route table. open is for anybody, page for who is signed in; a
// change is a POST of our own pages.
func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	open := func(pattern string, h handler) { mux.Handle(pattern, s.answer(h)) }
	page := func(pattern string, h handler) { mux.Handle(pattern, s.answer(s.signedIn(h))) }
	change := func(pattern string, h handler) { mux.Handle("POST "+pattern, s.answer(s.own(s.signedIn(h)))) }

	open("GET /{$}", s.home)
	open("GET /sign-in", s.signInPage)
	open("GET /sign-in/start", s.startSignIn)
	open("GET /callback", s.callback)
	change("/sign-out", s.signOut)
	mux.Handle("GET "+static.Prefix+"{file}", static.Handler())
	mux.Handle("GET "+static.Prefix+"icons/{file}", static.Handler())

	page("GET /clients", s.listClients)
	page("GET /register", s.register)
	change("/register", s.makeClient)
	page("GET /clients/{id}", s.showClient)
	page("GET /clients/{id}/edit", s.editPage)
	change("/clients/{id}/edit", s.editClient)
	change("/clients/{id}/disable", s.setDisabled("disable"))
	change("/clients/{id}/enable", s.setDisabled("enable"))
	page("GET /clients/{id}/delete", s.askDelete)
	change("/clients/{id}/delete", s.deleteClient)
	change("/clients/{id}/secrets", s.addSecret)
	page("GET /clients/{id}/secrets/{secret}/revoke", s.askRevoke)
	change("/clients/{id}/secrets/{secret}/revoke", s.revokeSecret)
	page("GET /clients/{id}/try", s.tryClient)
	page("GET /clients/{id}/errors", s.clientErrors)

	page("GET /events", s.listEvents)
	open("GET /events/stream", s.streamEvents)

	page("GET /accounts", s.accounts)
	page("GET /accounts/{account}", s.showAccount)
	change("/accounts/{account}/block", s.changeAccount("blocked", http.MethodPost, verb(":block"), reason))
	change("/accounts/{account}/unblock", s.changeAccount("unblocked", http.MethodPost, verb(":unblock"), nil))
	change("/accounts/{account}/sign-out", s.changeAccount("ended", http.MethodDelete, verb("/sessions"), nil))
	change("/accounts/{account}/forget", s.changeAccount("forgotten", http.MethodPost, verb(":revoke"), nil))
	change("/accounts/{account}/sessions/{sid}/end", s.changeAccount("ended", http.MethodDelete, part("/sessions", "sid"), nil))
	change("/accounts/{account}/grants/{grant}/revoke", s.changeAccount("revoked", http.MethodDelete, part("/grants", "grant"), nil))

	page("GET /keys", s.signingKeys)
	page("GET /keys/rotate", s.askRotate)
	change("/keys/rotate", s.rotate)
	page("GET /keys/{kid}/retire", s.askRetire)
	change("/keys/{kid}/retire", s.retire)

	page("GET /api-keys", s.apiKeys)
	change("/api-keys", s.makeAPIKey)
	page("GET /api-keys/{key}/revoke", s.askRevokeKey)
	change("/api-keys/{key}/revoke", s.revokeKey)
	page("GET /status", s.status)
	return mux
}

// dispatch answers what no route matches by a page, and never by a redirect.
func (s *Server) dispatch(mux *http.ServeMux) http.Handler {
	notFound := s.answer(func(http.ResponseWriter, *http.Request) error { return errNoPage })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" || r.URL.Path != path.Clean(r.URL.Path) {
			notFound.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) home(w http.ResponseWriter, r *http.Request) error {
	redirect(w, "/clients")
	return nil
}
