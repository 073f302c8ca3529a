// Package web is the provider's public HTTP side: the route table, the
// handlers, the browser binding and session cookies, the security headers, CORS, one
// log line per request, and the one place where errors become answers.
//
// Handlers return errors and never render them. What a request means is
// decided by login and oauth; this package decides only who may ask over
// HTTP, and how the answer looks.
package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"near-idp/internal/icon"
	"near-idp/internal/idp"
	"near-idp/internal/text"
	"near-idp/web/static"
	"near-idp/web/templates"
)

// Options configures New.
type Options struct {
	Issuer  string // URL without a trailing slash; its path is where everything is mounted
	Brand   string // the provider's name, shown on every page; empty: the issuer's host
	Network string // "mainnet" or "testnet"
	Notice  string // a banner on every page, such as what development mode simulates
	// Wallets are those for Network, in the order shown. Their IconURL is below the issuer; an empty one is filled in.
	Wallets []templates.Wallet
	Icons   []*icon.Icon // served at IconPath
	// Operator is what pages show besides Brand. Its LogoURL is below the issuer.
	Operator templates.Operator
	// Logo returns the PNG of a client's logo by its hash, or idp.ErrNotFound; nil: there is none.
	Logo func(ctx context.Context, hash string) ([]byte, error)
	// Announced offers wallets that announce themselves to the login page, CommandLine the NEAR CLI.
	Announced, CommandLine bool

	// AnotherDevice lets people go on with a login on their phone.
	AnotherDevice bool
	// Relays reach the wallets of the kind templates.WalletRelay; nil: there are none.
	Relays Relays

	Logins   Logins
	Protocol Protocol
	Clients  Clients
	Accounts Accounts
	// FedCM answers browsers' own sign-in requests; nil: it is off.
	FedCM *FedCM
	// Sealer keeps what browsers remember from being forged; nil: they remember no accounts.
	Sealer Sealer
	// Describe says in plain words what a scope lets a client learn or do.
	Describe func(scope string) text.Message

	// Ready reports whether the provider can serve, which is whether its database answers;
	// ErrStopping if it is about to end.
	Ready func(ctx context.Context) error
	// Limits bound what one sender or client may ask for. Nil: nothing does.
	Limits *Limits
	// Limited is told the bucket of each request that was one too many; nil: nobody is.
	Limited func(bucket string)
	// TrustedProxy reports who may name the request id and the sender of what it passes on; nobody
	// else may. nil: nobody.
	TrustedProxy func(netip.Addr) bool

	// Audit takes down what was refused or failed; nil: nobody does. It must not block.
	Audit func(idp.Event)
	// Trace begins the trace of a request, or goes on with that of a trusted proxy, and returns its id if
	// it is recorded. It is called back with the route's pattern and the status; nil: nobody traces.
	Trace func(r *http.Request, trusted bool) (ctx context.Context, id string, end func(route string, status int))
	// Metrics counts what happens; nil: nobody does.
	Metrics Metrics

	Log *slog.Logger     // nil: slog.Default()
	Now func() time.Time // nil: time.Now
}

type server struct {
	Options
	host       string // of the issuer, with the port if it has one
	origin     string // of the issuer
	base       string // path of the issuer, "" or "/…"
	secure     bool   // the issuer is https
	sameOrigin *http.CrossOriginProtection
}

// New returns the handler of everything the provider serves in public. It
// fails only on options that no configuration check lets through.
func New(opts Options) (http.Handler, error) {
	issuer, err := url.Parse(opts.Issuer)
	if err != nil || issuer.Host == "" || (issuer.Scheme != "https" && issuer.Scheme != "http") {
		return nil, fmt.Errorf("issuer %q is not an http or https URL", opts.Issuer)
	}
	if issuer.RawQuery != "" || issuer.Fragment != "" || strings.HasSuffix(issuer.Path, "/") {
		return nil, fmt.Errorf("issuer %q must have no query, no fragment and no trailing slash", opts.Issuer)
	}
	s := &server{
		Options:    opts,
		host:       issuer.Host,
		origin:     issuer.Scheme + "://" + issuer.Host,
		base:       issuer.EscapedPath(),
		secure:     issuer.Scheme == "https",
		sameOrigin: http.NewCrossOriginProtection(),
	}
	// A proxy may change the Host header that the origin would be compared with.
	if err := s.sameOrigin.AddTrustedOrigin(s.origin); err != nil {
		return nil, fmt.Errorf("issuer %q: %w", opts.Issuer, err)
	}
	if s.Brand == "" {
		s.Brand = issuer.Hostname()
	}
	if s.Operator.LogoURL != "" {
		s.Operator.LogoURL = s.base + s.Operator.LogoURL
	}
	if s.Log == nil {
		s.Log = slog.Default()
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Metrics == nil {
		s.Metrics = uncounted{}
	}
	s.Logins = counted{s.Logins, s}
	if s.Limits == nil {
		s.Limits = NewLimits(Rates{}, s.Now)
	}
	s.Wallets = make([]templates.Wallet, len(opts.Wallets))
	for i, wallet := range opts.Wallets {
		if wallet.IconURL == "" {
			wallet.IconURL = static.WalletIcon(wallet.ID)
		}
		wallet.IconURL = s.base + wallet.IconURL
		if wallet.Kind == templates.WalletLedger {
			wallet.URL = s.base + wallet.URL
		}
		s.Wallets[i] = wallet
	}
	return s.observe(s.dispatch(s.routes())), nil
}

// routes is the whole route table. Each route names who answers its errors:
// page (people, or JSON for those who ask for it), api (JSON), oauth (RFC 6749
// section 5.2) or client (the same, for clients that authenticate); own marks what only our own pages may send, and cors what pages elsewhere may read.
func (s *server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	at := func(pattern string, h http.Handler) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.Handle(method+" "+s.base+path, h)
	}

	at("GET /{$}", s.page(s.home))
	at("GET /authorize", s.page(s.limited(s.Limits.authorize, s.authorize)))
	at("POST /authorize", s.page(s.limited(s.Limits.authorize, s.authorize)))
	at("GET /login/{id}", s.page(s.loginPage))
	at("GET /login/{id}/again", s.page(s.limited(s.Limits.authorize, s.again)))
	at("GET /login/{id}/cb", s.page(s.callbackPage))
	at("POST /login/{id}/verify", s.api(s.own(s.limited(s.Limits.verify, s.verify))))
	at("POST /login/{id}/paste", s.page(s.own(s.limited(s.Limits.verify, s.paste))))
	at("POST /login/{id}/renew", s.page(s.own(s.limited(s.Limits.verify, s.renew))))
	at("POST /login/{id}/cancel", s.page(s.own(s.cancel)))
	at("POST /login/{id}/phone", s.page(s.own(s.limited(s.Limits.verify, s.handOver))))
	at("GET /login/{id}/phone", s.page(s.handoffPage))
	at("POST /login/{id}/relay", s.page(s.own(s.limited(s.Limits.verify, s.askRelay))))
	at("GET /login/{id}/relay", s.page(s.relayPage))
	at("POST /login/{id}/number", s.page(s.own(s.limited(s.Limits.verify, s.pickNumber))))
	at("GET /d/{code}", s.page(s.limited(s.Limits.verify, s.takenPage)))
	at("POST /d/{code}", s.page(s.own(s.limited(s.Limits.verify, s.take))))
	at("POST /login/{id}/session", s.page(s.own(s.adopt)))
	at("POST /login/{id}/account", s.page(s.own(s.limited(s.Limits.verify, s.pick))))
	at("POST /login/{id}/forget", s.page(s.own(s.forgetAccount)))
	at("POST /language", s.page(s.own(s.chooseLanguage)))
	at("GET /account", s.page(s.owned("/account", s.accountPage)))
	at("GET /account/activity", s.page(s.owned("/account/activity", s.activityPage)))
	at("GET /account/proof", s.page(s.owned("/account/proof", s.proofPage)))
	at("GET /account/proof.json", s.page(s.owned("/account/proof", s.proofFile)))
	at("GET /account/data", s.page(s.owned("/account/data", s.dataPage)))
	at("GET /account/sign-out-everywhere", s.page(s.owned("/account", s.everywherePage)))
	at("POST /account/disconnect", s.page(s.own(s.act("client_id", s.disconnect))))
	at("POST /account/sign-out", s.page(s.own(s.act("sid", s.signOut))))
	at("POST /account/sign-out-others", s.page(s.own(s.act("", s.signOutOthers))))
	at("POST /account/sign-out-everywhere", s.page(s.own(s.act("", s.signOutEverywhere))))
	at("POST /account/confirm", s.page(s.own(s.limited(s.Limits.authorize, s.act("", s.confirm)))))
	at("POST /account/export", s.page(s.own(s.limited(s.Limits.verify, s.act("", s.export)))))
	at("POST /account/forget", s.page(s.own(s.forgetAccount)))
	at("GET /consent/{id}", s.page(s.consentPage))
	at("POST /consent/{id}", s.page(s.own(s.decideConsent)))
	at("GET /continue/{id}", s.page(s.continuePage))
	at("GET /device", s.page(s.devicePage))
	at("POST /device", s.page(s.own(s.limited(s.Limits.verify, s.enterUserCode))))
	at("GET /device/{id}", s.page(s.deviceLoginPage))

	at("GET /logout", s.page(s.logout))
	at("POST /logout", s.page(s.logout))

	at("POST /api/auth/initiate-login", s.backend(s.limited(s.Limits.authorize, s.initiateLogin)))
	at("OPTIONS /api/auth/initiate-login", s.preflight(s.registered, "POST"))
	at("POST /api/auth/verify-login", s.backend(s.limited(s.Limits.verify, s.verifyLogin)))
	at("OPTIONS /api/auth/verify-login", s.preflight(s.registered, "POST"))

	at("POST /token", s.cors(s.registered, s.client(s.Limits.token, s.token)))
	at("OPTIONS /token", s.preflight(s.registered, "POST"))
	at("POST /device_authorization", s.client(s.Limits.par, s.authorizeDevice))
	at("POST /par", s.cors(s.registered, s.client(s.Limits.par, s.push)))
	at("OPTIONS /par", s.preflight(s.registered, "POST"))
	at("POST /revoke", s.cors(s.registered, s.client(s.Limits.token, s.revoke)))
	at("OPTIONS /revoke", s.preflight(s.registered, "POST"))
	at("POST /introspect", s.client(s.Limits.token, s.introspect))
	at("GET /userinfo", s.cors(s.registered, s.oauth(s.userInfo)))
	at("POST /userinfo", s.cors(s.registered, s.oauth(s.userInfo)))
	at("OPTIONS /userinfo", s.preflight(s.registered, "GET, POST"))

	s.document(mux, s.Protocol.JWKS, s.base+"/jwks")
	s.document(mux, s.Protocol.Metadata,
		s.base+"/.well-known/openid-configuration", s.base+"/.well-known/oauth-authorization-server")

	// Single segments, so that no trailing slash is ever redirected to.
	files := http.StripPrefix(s.base, static.Handler())
	at("GET "+static.Prefix+"{file}", files)
	at("GET "+static.Prefix+"icons/{file}", files)
	at("GET /icons/{file}", serveIcons(s.Icons))
	at("GET "+static.ButtonPrefix+"{file}", s.button())
	at("GET /logo/{file}", s.page(s.logo))

	s.fedCMRoutes(mux, at)

	at("GET /healthz", http.HandlerFunc(s.alive))
	at("GET /readyz", s.handle(s.ready, apiHeaders, jsonFailure)) // of the orchestrator, whoever floods beside it
	if s.base != "" {
		mux.Handle("GET "+s.base, s.page(s.home))
		// Probes inside a cluster know nothing of the issuer's path. RFC 8414 section
		// 3.1 puts the well-known part before it, and section 5 has clients look there for either document.
		mux.HandleFunc("GET /healthz", s.alive)
		mux.Handle("GET /readyz", s.handle(s.ready, apiHeaders, jsonFailure))
		s.document(mux, s.Protocol.Metadata, "/.well-known/oauth-authorization-server"+s.base, "/.well-known/openid-configuration"+s.base)
	}
	return mux
}

// url is the absolute URL of a path of ours.
func (s *server) url(path string) string { return s.origin + s.base + path }
