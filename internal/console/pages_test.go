package console_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"near-idp/internal/admin"
	"near-idp/internal/console"
	"near-idp/internal/idp"
	"near-idp/internal/keyring"
	"near-idp/internal/oauth"
)

func TestEventsAreFoundAndRead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	b.post("/register", grafana).want(http.StatusOK)
	b.get("/events").want(http.StatusOK).says("client.created", "client.secret_added", "account:alice.near", "ops")
	b.get("/events?type=client.created").want(http.StatusOK).says("client.created").hides("client.secret_added")
	b.get("/events?client_id=nobody").want(http.StatusOK).says("Nothing of this kind")
	b.get("/events?outcome=good").want(http.StatusUnprocessableEntity).says("Nothing was changed")
	for range 60 {
		b.post("/clients/ops/disable", nil).want(http.StatusSeeOther)
		b.post("/clients/ops/enable", nil).want(http.StatusSeeOther)
	}
	next := regexp.MustCompile(`/events\?cursor=[A-Za-z0-9_-]+`).FindString(b.get("/events").body)
	if later := b.get(next).want(http.StatusOK); strings.Contains(later.body, "data-live=\"/events/stream") {
		t.Error("a later page is live")
	}
}

// A live page that is left open says nothing once its administrator is out.
func TestLiveEventsEndWithTheSignIn(t *testing.T) {
	t.Parallel()
	var api http.Handler
	s := newSite(t, func(o *console.Options) {
		// Not the one that is held to the document: that waits for the end of an answer.
		o.API = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { api.ServeHTTP(w, r) })
	})
	api = s.newAPI(slog.New(slog.DiscardHandler), time.Now)
	b, sid := s.signIn(alice)
	server := httptest.NewServer(s.server)
	t.Cleanup(server.Close)
	follow := func() *http.Response {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		t.Cleanup(cancel)
		r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/events/stream?after=0", nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range b.cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	b.post("/register", grafana).want(http.StatusOK)
	res, seen := follow(), ""
	for buf := make([]byte, 4096); !strings.Contains(seen, "client.created"); {
		n, err := res.Body.Read(buf)
		if seen += string(buf[:n]); err != nil {
			t.Fatalf("%v after %q", err, seen)
		}
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%d %s", res.StatusCode, res.Header)
	}
	if _, err := s.store.EndSessions(t.Context(), true, sid); err != nil {
		t.Fatal(err)
	}
	if res := follow(); res.StatusCode != http.StatusNoContent {
		t.Errorf("after the end: %d", res.StatusCode)
	}
}

// S09: an administrator ends all that somebody has here.
func TestAccountIsSignedOutAndBlocked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	victim := s.session("bob.near", "mainnet")
	s.exec(`UPDATE sessions SET sid = 'BOBSSESSION' WHERE sid = $1`, victim)
	if got := b.get("/accounts?id=bob.near").location; got != "/accounts/bob.near" {
		t.Errorf("sent to %q", got)
	}
	b.get("/accounts/bob.near").want(http.StatusOK).says("Signed in", "ed25519:x")
	b.post("/accounts/bob.near/sessions/BOBSSESSION/end", nil).want(http.StatusSeeOther)
	if _, err := s.store.SessionBySID(t.Context(), "BOBSSESSION"); err == nil {
		t.Error("the session lives on")
	}
	b.post("/accounts/bob.near/sessions/BOBSSESSION/end", nil).want(http.StatusNotFound)

	b.post("/accounts/bob.near/block", url.Values{"reason": {strings.Repeat("x", 501)}}).want(http.StatusUnprocessableEntity)
	b.post("/accounts/bob.near/block", url.Values{"reason": {"spam"}}).want(http.StatusSeeOther)
	b.get("/accounts").says("bob.near", "spam")
	b.get("/accounts/bob.near").says("Blocked", "spam", "Unblock")
	b.post("/accounts/bob.near/unblock", nil).want(http.StatusSeeOther)
	b.get("/accounts").says("No account is blocked")
	for _, path := range []string{"/sign-out", "/forget"} {
		b.post("/accounts/bob.near"+path, nil).want(http.StatusSeeOther)
	}
	b.get("/accounts/nobody.near").want(http.StatusNotFound).says("Nothing is known")
	b.get("/accounts/Alice.near").want(http.StatusUnprocessableEntity)
}

func TestAPIKeyIsShownOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	form := url.Values{"name": {"deployment"}, "scopes": {"clients:read", "clients:write"}, "expires": {"30d"}}
	page := b.post("/api-keys", form).want(http.StatusOK).says("The new key", "deployment", "account:alice.near")
	value := regexp.MustCompile(`idpk_[A-Z2-7]{12}_[A-Z2-7]{52}`).FindString(page.body)
	if value == "" {
		t.Fatal("no key on the page")
	}
	b.get("/api-keys").want(http.StatusOK).says("deployment", "clients:write").hides(value)
	b.post("/api-keys", with(form, "expires", "")).want(http.StatusUnprocessableEntity).says("Choose when it expires")
	b.post("/api-keys", with(form, "expires", "9999d")).want(http.StatusUnprocessableEntity)
	b.post("/api-keys", url.Values{"name": {"x"}, "expires": {"30d"}}).want(http.StatusUnprocessableEntity).says("name at least one of")
	revoke := regexp.MustCompile(`/api-keys/[A-Z2-7]+/revoke`).FindString(page.body)
	b.get(revoke).want(http.StatusOK).says("Revoke the API key?")
	b.post(revoke, nil).want(http.StatusSeeOther)
	b.get("/api-keys").says("There is none")
}

func TestStatusNamesTheAdministrators(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	b.get("/status").want(http.StatusOK).says(issuer, "mainnet", "ok", alice)
}

func TestErrorsOfAClientSayWhatWasExpected(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, _ := s.signIn(alice)
	b.post("/register", grafana).want(http.StatusOK)
	b.get("/clients/ops/errors").want(http.StatusOK).says("Nothing was refused to it")
	hostile := corpus[0]
	err := s.store.AppendEvents(t.Context(), []idp.Event{{
		Type: "authorize.refused", Outcome: idp.OutcomeRefused, Reason: "invalid_request", ClientID: "ops", RequestID: "R",
		Details: map[string]any{"given": hostile, "nearest": "https://grafana.example.com/login/generic_oauth"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.get("/clients/ops/errors").want(http.StatusOK).clean("errors").says("authorize.refused", "invalid_request", hostile, "login/generic_oauth")
	b.get("/events").want(http.StatusOK).clean("events").says(hostile)
	b.get("/clients").want(http.StatusOK).says("just now")
}

func TestSigningKeysAreRotatedAndRetired(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if _, err := keyring.Open(t.Context(), s.vault); err != nil {
		t.Fatal(err)
	}
	b, _ := s.signIn(alice)
	page := b.get("/keys").want(http.StatusOK).says("ES256", "active")
	retire := regexp.MustCompile(`/keys/([A-Za-z0-9_-]+)/retire`).FindStringSubmatch(page.body)
	b.get("/keys/rotate").want(http.StatusOK).says("Rotate every key?")
	b.post("/keys/rotate", nil).want(http.StatusSeeOther)
	b.get("/keys?done=rotated").says("Rotated.", "next")

	b.get(retire[0]).want(http.StatusOK).says("Retire the key?", retire[1])
	b.post(retire[0], url.Values{"typed": {"ES256"}}).want(http.StatusUnprocessableEntity).says("Nothing was changed")
	b.post("/keys/nothing/retire", url.Values{"typed": {"nothing"}}).want(http.StatusNotFound)
}

// issuing previews tokens with these claims.
type issuing struct {
	admin.Tokens
	claims map[string]any
}

func (i issuing) Preview(c *idp.Client, who idp.Identity, _ string, _ []string) (*oauth.Preview, error) {
	claims, err := json.Marshal(i.claims)
	if err != nil {
		return nil, err
	}
	return &oauth.Preview{ClientID: c.ID, AccountID: who.AccountID, Scopes: []string{"openid"}, Denied: "the access policy staff lists " + corpus[0],
		AccessToken: &oauth.Decoded{Header: json.RawMessage("{}"), Claims: claims}, UserInfo: i.claims}, nil
}

func TestClientIsTriedForAnAccount(t *testing.T) {
	t.Parallel()
	var api http.Handler
	s := newSite(t, func(o *console.Options) {
		o.API = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { api.ServeHTTP(w, r) })
	})
	s.tokens = issuing{claims: map[string]any{"sub": "alice.near", "name": corpus[0]}}
	api = held(t, s.newAPI(slog.New(slog.DiscardHandler), time.Now))
	b, _ := s.signIn(alice)
	b.post("/register", grafana).want(http.StatusOK)
	b.get("/clients/ops/try").want(http.StatusOK).says("What would it be given?", "idp client test ops")
	b.get("/clients/ops/try?account_id=alice.near").want(http.StatusOK).clean("try").says("It would be given nothing", `"sub": "alice.near"`, "Userinfo")
	b.get("/clients/ops/try?account_id=Alice").want(http.StatusUnprocessableEntity).says("Nothing was changed")
	for _, text := range corpus {
		b.get("/clients/ops/try?" + url.Values{"account_id": {text}, "scope": {text}}.Encode()).clean("try")
	}
}
