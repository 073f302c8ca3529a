package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

// An application is a relying party on this machine, one for each profile. It
// is a public client named Notes.
type application struct {
	testing.TB
	origin   string
	arrivals chan url.Values // the parameters of each visit to its callback
	silent   bool            // answers callbacks with 204, which leaves the browser where it is
}

func newApplication(t testing.TB) *application {
	t.Helper()
	a := &application{TB: t, arrivals: make(chan url.Values, 16)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		title := "Notes"
		if r.URL.Path == "/callback" {
			title = "Back in Notes"
			arrival := r.URL.Query()
			if r.Method == http.MethodPost { // response_mode form_post: nothing is in the URL
				_ = r.ParseForm() // what cannot be read is missed below
				arrival = r.PostForm
			}
			a.arrivals <- arrival
			if a.silent {
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		fmt.Fprintf(w, `<!DOCTYPE html><html lang="en"><link rel="icon" href="data:,"><title>%s</title><h1>%s</h1>`, title, title)
	}))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a.origin = "http://localhost:" + port
	return a
}

// arrival waits for the browser to come back.
func (a *application) arrival() url.Values {
	a.Helper()
	select {
	case query := <-a.arrivals:
		return query
	case <-time.After(patience):
		a.Fatal("nobody came back to the application")
		return nil
	}
}

// check holds a test to account for every return.
func (a *application) check() {
	select {
	case query := <-a.arrivals:
		a.Errorf("a return to the application that nobody waited for: %v", query)
	default:
	}
}

// begin sends the window from the application to the login page.
func (w *window) begin() request {
	w.Helper()
	q := newRequest("spa", "openid profile")
	q.redirectURI = w.app.origin + "/callback"
	w.visit("/authorize?" + q.form().Encode())
	w.shows("choose")
	return q
}

// visit opens an address of the provider, or any other.
func (w *window) visit(address string) {
	w.Helper()
	if address[0] == '/' {
		address = w.issuer + address
	}
	w.must(navigate(address))
}

// signedIn waits for the code and redeems it: the login of the profile's account.
func (p *profile) signedIn(q request) {
	p.Helper()
	back := p.app.arrival()
	if back.Get("state") != q.state || back.Get("iss") != p.issuer || back.Get("code") == "" {
		p.Fatalf("back at the application with %v", back)
	}
	form := q.redeem(back.Get("code"))
	form.Del("client_secret")
	tokens, err := p.browser().do("POST", "/token", form.Encode(), "Content-Type", typeForm)
	if err != nil || tokens.status != http.StatusOK {
		p.Fatalf("token: %d %s %v", tokens.status, tokens.body, err)
	}
	claims, err := p.browser().do("GET", "/userinfo", "", "Authorization", "Bearer "+tokens.text("access_token"))
	if err != nil || claims.text("sub") != p.signer.AccountID {
		p.Fatalf("userinfo: %d %s %v, want %s", claims.status, claims.body, err, p.signer.AccountID)
	}
}

// refused waits for the error that the application is told.
func (p *profile) refused(q request, code string) {
	p.Helper()
	back := p.app.arrival()
	if back.Get("error") != code || back.Get("state") != q.state || back.Get("iss") != p.issuer || back.Has("code") {
		p.Fatalf("back at the application with %v, want %s", back, code)
	}
}
