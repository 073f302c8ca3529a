package demo

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"near-idp/internal/idp"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// ClientID is the demo application's at the provider.
const ClientID = "demo"

// scopes are what it asks for.
var scopes = []string{oidc.ScopeOpenID, "profile", oidc.ScopeOfflineAccess}

// AppOptions configures NewApp. All fields but Notice and Now are required.
type AppOptions struct {
	Issuer       string     // all that the application is told of the provider
	ClientSecret idp.Secret // of ClientID
	Host         string     // where it is reached, such as 127.0.0.1:8081
	Notice       string     // a banner on every page
	Now          func() time.Time
}

// An App is the demo application: a relying party of its own, which finds
// everything by discovery and checks what it receives as any other would.
type App struct {
	AppOptions
	sessions sessions
	handler  http.Handler
	client   *http.Client

	mu       sync.Mutex
	provider *oidc.Provider // nil until the issuer has answered once
}

// NewApp makes the application. It asks the issuer nothing before somebody signs in.
func NewApp(opts AppOptions) *App {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	a := &App{AppOptions: opts, client: loopbackClient()}
	a.sessions.now = opts.Now
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.page(a.home))
	mux.HandleFunc("GET /button", a.page(a.button))
	mux.HandleFunc("GET /login", a.page(a.login))
	mux.HandleFunc("GET /callback", a.page(a.callback))
	mux.HandleFunc("POST /refresh", a.page(a.refresh))
	mux.HandleFunc("POST /logout", a.page(a.logout))
	addFiles(mux)
	a.handler = guard(opts.Host, mux)
	return a
}

// URL is the application's origin.
func (a *App) URL() string { return "http://" + a.Host }

// redirectURI is where the provider sends people back to.
func (a *App) redirectURI() string { return a.URL() + "/callback" }

// Registration is the client as the provider must know it. The secret goes beside it.
func (a *App) Registration() idp.Client {
	return idp.Client{
		ID: ClientID, Name: "Demo application", RedirectURIs: []string{a.redirectURI()},
		TokenEndpointAuthMethod: idp.AuthSecretBasic,
		GrantTypes:              []string{idp.GrantAuthorizationCode, idp.GrantRefreshToken},
		Scope:                   strings.Join(scopes, " "),
		FirstParty:              true, // approving in the wallet is all that a newcomer is asked for
	}
}

func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// loopbackClient reaches names below localhost without asking the DNS (RFC 6761
// section 6.3), and never through a proxy.
func loopbackClient() *http.Client {
	const patience = 15 * time.Second
	dialer := &net.Dialer{Timeout: patience}
	return &http.Client{
		Timeout: patience,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				host, port, err := net.SplitHostPort(address)
				if err == nil && (host == "localhost" || strings.HasSuffix(host, ".localhost")) {
					address = net.JoinHostPort("127.0.0.1", port)
				}
				return dialer.DialContext(ctx, network, address)
			},
		},
	}
}

// discover reads the issuer's metadata (OpenID Connect Discovery 1.0) and keeps it.
func (a *App) discover() (*oidc.Provider, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.provider != nil {
		return a.provider, nil
	}
	// Not the request's context: the provider fetches keys with this one later.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.Background(), a.client), a.Issuer)
	if err != nil {
		return nil, &failure{http.StatusBadGateway, "The provider does not answer",
			"Its configuration could not be read. Is idp dev still running?", err}
	}
	a.provider = provider
	return provider, nil
}

func (a *App) oauth(p *oidc.Provider) *oauth2.Config {
	endpoint := p.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	return &oauth2.Config{
		ClientID: ClientID, ClientSecret: string(a.ClientSecret), Endpoint: endpoint,
		RedirectURL: a.redirectURI(), Scopes: scopes,
	}
}

// A failure is an error that is told to the person on a page.
type failure struct {
	status  int
	heading string
	text    string
	cause   error
}

func (f *failure) Error() string { return f.heading + ": " + f.text }

func (f *failure) Unwrap() error { return f.cause }

type failurePage struct {
	Notice, Issuer, Heading, Text, Detail string
	Cancelled                             bool
}

// errCancelled is how the person says no at the provider (RFC 6749 section 4.1.2.1).
var errCancelled = errors.New("access_denied")

// page is the one place where the application's errors become pages.
func (a *App) page(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		f, ok := errors.AsType[*failure](err)
		if !ok {
			f = &failure{http.StatusInternalServerError, "Something went wrong", "The demo application made a mistake.", err}
		}
		view := failurePage{Notice: a.Notice, Issuer: a.Issuer, Heading: f.heading, Text: f.text, Cancelled: errors.Is(err, errCancelled)}
		if f.cause != nil {
			view.Detail = f.cause.Error()
		}
		if err := render(w, f.status, appFailurePage(view)); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}
}
