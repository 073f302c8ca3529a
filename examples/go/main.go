// Command go is a web application whose people sign in with NEAR. It knows
// nothing of NEAR: it is a confidential client of an OpenID Connect provider,
// with the two modules that Go programs usually take for that.
//
// It reads ISSUER, CLIENT_ID and CLIENT_SECRET from the environment, and PORT
// or BASE_URL, where it is reached. `examples/run go` sets them all.
package main

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

//go:embed page.html page.css
var files embed.FS

var page = template.Must(template.ParseFS(files, "page.html"))

// An app is the application: its registration at the provider, and who is signed in.
type app struct {
	base       string // where browsers reach it
	issuer     string
	endSession string // the provider's logout endpoint
	oauth      oauth2.Config
	verifier   *oidc.IDTokenVerifier
	http       *http.Client
	logins     *store[login] // by the state
	sessions   *store[*session]
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "examples/go:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	port := cmp.Or(os.Getenv("PORT"), "3000")
	a, err := newApp(ctx, cmp.Or(os.Getenv("BASE_URL"), "http://127.0.0.1:"+port))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: a.handler(), ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return fmt.Errorf("%w; PORT names another port", err)
	}
	fmt.Println("Open", a.base)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// newApp reads the provider's metadata, which names every endpoint and the keys.
func newApp(ctx context.Context, base string) (*app, error) {
	for _, name := range []string{"ISSUER", "CLIENT_ID", "CLIENT_SECRET"} {
		if os.Getenv(name) == "" {
			return nil, fmt.Errorf("%s is not set; `idp client create` prints it", name)
		}
	}
	a := &app{
		base: base, issuer: os.Getenv("ISSUER"), http: &http.Client{Timeout: 10 * time.Second},
		logins: newStore[login](10 * time.Minute), sessions: newStore[*session](12 * time.Hour),
	}
	provider, err := oidc.NewProvider(a.outgoing(ctx), a.issuer)
	if err != nil {
		return nil, fmt.Errorf("the provider's metadata: %w", err)
	}
	var metadata struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return nil, fmt.Errorf("the provider's metadata: %w", err)
	}
	a.endSession = metadata.EndSession
	a.verifier = provider.Verifier(&oidc.Config{ClientID: os.Getenv("CLIENT_ID")})
	a.oauth = oauth2.Config{
		ClientID: os.Getenv("CLIENT_ID"), ClientSecret: os.Getenv("CLIENT_SECRET"),
		Endpoint: provider.Endpoint(), RedirectURL: base + "/callback",
		Scopes: []string{oidc.ScopeOpenID, "profile", oidc.ScopeOfflineAccess},
	}
	return a, nil
}

func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.home)
	mux.Handle("GET /page.css", http.FileServerFS(files))
	mux.HandleFunc("GET /login", a.login)
	mux.HandleFunc("GET /callback", a.callback)
	mux.HandleFunc("POST /renew", a.renew)
	mux.HandleFunc("POST /logout", a.logout)
	mux.HandleFunc("POST /backchannel-logout", a.backchannelLogout)
	// A form of another site can neither renew nor sign out. The provider's own
	// requests come from no browser, and pass.
	own := http.NewCrossOriginProtection().Handler(mux)
	// Signing out is a form whose answer leads to the provider, and browsers hold
	// that, too, to form-action.
	policy := "default-src 'none'; style-src 'self'; form-action 'self' " + a.endSession + "; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		own.ServeHTTP(w, r)
	})
}

// home shows who is signed in.
func (a *app) home(w http.ResponseWriter, r *http.Request) {
	var view struct {
		claims
		Until    string
		Renewals int
	}
	if s := a.sessions.get(a.read(r, sessionCookie)); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		view.claims, view.Renewals = s.who, s.renewals
		view.Until = s.token.Expiry.UTC().Format(time.TimeOnly + " UTC")
	}
	a.show(w, http.StatusOK, "home", view)
}

// fail tells the person what happened, in a sentence without the cause, and the
// log the cause. Neither names a code, a token or a secret.
func (a *app) fail(w http.ResponseWriter, status int, sentence string, cause error) {
	if cause != nil {
		log.Printf("%s %v", sentence, cause)
	}
	a.show(w, status, "failure", sentence)
}

func (a *app) show(w http.ResponseWriter, status int, name string, view any) {
	var text strings.Builder
	if err := page.ExecuteTemplate(&text, name, view); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text.String())) // the browser is gone; nobody to tell
}
