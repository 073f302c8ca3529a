package web

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
	"near-idp/internal/text"
	"near-idp/web/templates"
)

const (
	testIssuer = "https://id.example.com"
	testOrigin = "https://app.example.com"
	callback   = testOrigin + "/cb"
	browserA   = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	testID     = "LOGIN1"
)

var testNow = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

var testClient = &idp.Client{ID: "app", Name: "Example App", RedirectURIs: []string{callback}}

// A fakeBackend stands for login, oauth and clients where a test is about HTTP
// alone. The flows themselves run against the real ones in flow_test.go.
type fakeBackend struct {
	login     *idp.Login
	began     login.Request
	answered  login.Answer
	findErr   error
	verifyErr error
	outcome   *login.Outcome
	authErr   error
	tokenErr  error
	infoErr   error
	respErr   error
	panics    bool
	form      url.Values
	tokenForm url.Values
	bearer    string
	proofs    []string
}

func (f *fakeBackend) Begin(_ context.Context, req login.Request) (*idp.Login, error) {
	f.began = req
	return f.login, nil
}

func (f *fakeBackend) Find(_ context.Context, _, browser string) (*idp.Login, error) {
	if f.findErr == nil && f.login.BrowserHash != nil && browser != browserA {
		return nil, &login.Refusal{Reason: login.WrongBrowser}
	}
	return f.login, f.findErr
}

func (f *fakeBackend) FindByToken(ctx context.Context, _, browser string) (*idp.Login, error) {
	return f.Find(ctx, "", browser)
}

func (f *fakeBackend) FindByNonce(ctx context.Context, _ [32]byte, browser string) (*idp.Login, error) {
	return f.Find(ctx, "", browser)
}

func (f *fakeBackend) Verify(_ context.Context, _ *idp.Login, a login.Answer) (*login.Outcome, error) {
	f.answered = a
	return f.outcome, f.verifyErr
}

func (f *fakeBackend) Recall(ctx context.Context, id, browser string, _ bool) (*idp.Login, error) {
	return f.Find(ctx, id, browser)
}

func (f *fakeBackend) Renew(ctx context.Context, id, browser string) (*idp.Login, error) {
	return f.Find(ctx, id, browser)
}

func (f *fakeBackend) Deny(ctx context.Context, id, browser string) (*idp.Login, error) {
	return f.Find(ctx, id, browser)
}

func (f *fakeBackend) Authorize(_ context.Context, form url.Values) (*oauth.Request, error) {
	if f.panics {
		panic("a defect with a secret-free message")
	}
	f.form = form
	if f.authErr != nil {
		return nil, f.authErr
	}
	client := testClient
	if form.Get("client_id") == "other" {
		another := *testClient
		another.ID, client = "other", &another
	}
	return &oauth.Request{Client: client, Params: form.Encode(), State: form.Get("state"), RedirectHost: "app.example.com"}, nil
}

func (f *fakeBackend) Response(context.Context, *idp.Login) (oauth.Response, error) {
	return oauth.Response{RedirectTo: callback + "?code=C0DE", Code: "C0DE"}, f.respErr
}

func (f *fakeBackend) Token(_ context.Context, r *http.Request) (*oauth.TokenResponse, error) {
	f.tokenForm = r.PostForm
	return &oauth.TokenResponse{AccessToken: "T0KEN", TokenType: "Bearer"}, f.tokenErr
}

func (f *fakeBackend) Revoke(_ context.Context, r *http.Request) error {
	f.tokenForm = r.PostForm
	return f.tokenErr
}

func (f *fakeBackend) Introspect(_ context.Context, r *http.Request) (*oauth.Introspection, error) {
	f.tokenForm = r.PostForm
	return &oauth.Introspection{Active: true}, f.tokenErr
}

func (f *fakeBackend) UserInfo(_ context.Context, bearer string) (map[string]any, error) {
	f.bearer = bearer
	return map[string]any{"sub": "alice.testnet"}, f.infoErr
}

func (f *fakeBackend) UserInfoDPoP(ctx context.Context, token, _ string, proofs []string) (map[string]any, error) {
	f.proofs = proofs
	return f.UserInfo(ctx, token)
}

func (f *fakeBackend) DPoPNonce() string { return "N0NCE" }

func (f *fakeBackend) Metadata() []byte { return []byte(`{"issuer":"` + testIssuer + `"}`) }
func (f *fakeBackend) JWKS() []byte     { return []byte(`{"keys":[]}`) }

func (f *fakeBackend) Client(_ context.Context, id string) (*idp.Client, error) {
	if id != testClient.ID {
		return nil, idp.ErrNotFound
	}
	return testClient, nil
}

func (f *fakeBackend) AllowsOrigin(origin string) bool {
	return origin == testOrigin || origin == "https://other.example.com"
}

// A site is a server over a fakeBackend, and what it logged.
type site struct {
	*fakeBackend
	handler http.Handler
	log     *bytes.Buffer
}

func newSite(t testing.TB, change ...func(*Options)) *site {
	t.Helper()
	l := &idp.Login{
		ID: testID, ClientID: "app", Params: url.Values{"redirect_uri": {callback}, "login_hint": {"alice.testnet"}}.Encode(),
		Message: "Sign in to Example App.", Nonce: [32]byte{1, 2, 3}, Recipient: "id.example.com",
		CallbackURL: testIssuer + "/login/" + testID + "/cb", State: "xyz", BrowserHash: []byte("A"),
		CreatedAt: testNow, ExpiresAt: testNow.Add(5 * time.Minute),
	}
	f := &fakeBackend{login: l, outcome: &login.Outcome{
		Login: l, Identity: idp.Identity{AccountID: "alice.testnet"}, SessionSecret: "S3SSION", SessionExpires: testNow.Add(time.Hour),
	}}
	var log bytes.Buffer
	opts := Options{
		Issuer: testIssuer, Brand: "Example ID", Network: "testnet",
		Wallets:   []templates.Wallet{{ID: "mynearwallet", Name: "MyNearWallet", Kind: templates.WalletRedirect, URL: "https://testnet.mynearwallet.com"}},
		Announced: true, CommandLine: true,
		Logins: f, Protocol: f, Clients: f,
		Ready:        func(context.Context) error { return nil },
		Describe:     func(string) text.Message { return "Learn {scope}" },
		TrustedProxy: netip.MustParsePrefix("10.0.0.0/8").Contains,
		Log:          slog.New(slog.NewJSONHandler(&log, nil)),
		Now:          func() time.Time { return testNow },
	}
	for _, c := range change {
		c(&opts)
	}
	h, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return &site{f, h, &log}
}

// An edit changes a request before it is sent.
type edit func(*http.Request)

func header(name, value string) edit {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func withCookie(r *http.Request) { r.Header.Set("Cookie", "__Host-idp_login="+browserA) }

var (
	asJSON   = header("Content-Type", "application/json")
	asForm   = header("Content-Type", "application/x-www-form-urlencoded")
	wantJSON = header("Accept", "application/json")
	crossed  = header("Sec-Fetch-Site", "cross-site")
)

func (s *site) send(method, path, body string, edits ...edit) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body == "" {
		r.Body = http.NoBody
	}
	for _, e := range edits {
		e(r)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func cookieNamed(w *httptest.ResponseRecorder, name string) *http.Cookie {
	for _, c := range w.Result().Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func (f *fakeBackend) Again(ctx context.Context, _ *idp.Login, _ string) (*oauth.Request, error) {
	return f.Authorize(ctx, nil)
}

func (f *fakeBackend) As(ctx context.Context, _ *idp.Login, _ string) (*oauth.Request, error) {
	return f.Authorize(ctx, nil)
}

func (f *fakeBackend) Claim(_ context.Context, _ *oauth.Request, id string) (string, error) {
	return id, nil
}

func (f *fakeBackend) Push(context.Context, *http.Request) (*oauth.PushResponse, error) {
	return &oauth.PushResponse{}, f.tokenErr
}

func (f *fakeBackend) Session(context.Context, string) (*idp.Session, error) { return nil, nil }

func (f *fakeBackend) Resume(context.Context, login.Request, *idp.Session, bool) (*idp.Login, error) {
	return f.login, nil
}

func (f *fakeBackend) Adopt(_ context.Context, l *idp.Login, _ string) (*idp.Login, error) {
	return l, nil
}

func (f *fakeBackend) Terms(context.Context, *idp.Login) (idp.Consent, error) {
	return idp.Consent{Scopes: []string{"openid"}}, nil
}

func (f *fakeBackend) Allow(_ context.Context, l *idp.Login) (*idp.Login, error) { return l, nil }

func (f *fakeBackend) Decide(*oauth.Request, *idp.Session) (oauth.Step, error) {
	return oauth.StepLogin, nil
}

func (f *fakeBackend) End(context.Context, ...string) error { return nil }

func (f *fakeBackend) EndSession(context.Context, url.Values) (*oauth.LogoutRequest, error) {
	return &oauth.LogoutRequest{}, nil
}

func (f *fakeBackend) ConsentRequired(*oauth.Request) error     { return nil }
func (f *fakeBackend) AccessDenied(*oauth.Request, error) error { return nil }

var testDevice = &idp.Device{
	ID: "DEVICE1", ClientID: "app", UserCode: "BCDFGHJK", Scopes: []string{"openid"}, Match: 42, Choices: []int{17, 42, 93},
	Sender: idp.Sender{Address: "198.51.100.7", Network: "198.51.100.7", Agent: "cli/1.0 <b>"}, CreatedAt: testNow, ExpiresAt: testNow.Add(10 * time.Minute),
}

// forDevice makes the login one for testDevice.
func (f *fakeBackend) forDevice() { f.login.Params = "client_id=app&_device=" + testDevice.ID }

func (f *fakeBackend) AuthorizeDevice(context.Context, *http.Request, idp.Sender) (*oauth.DeviceResponse, error) {
	return &oauth.DeviceResponse{DeviceCode: "D3VICE", UserCode: "BCDF-GHJK"}, f.tokenErr
}

func (f *fakeBackend) FindDevice(_ context.Context, typed string, _ idp.Sender) (*idp.Device, error) {
	if code, _ := oauth.ParseUserCode(typed); code != testDevice.UserCode {
		return nil, idp.ErrNotFound
	}
	return testDevice, nil
}

func (f *fakeBackend) RequestFor(context.Context, *idp.Device) (*oauth.Request, error) {
	return &oauth.Request{Client: testClient, Params: "client_id=app&_device=" + testDevice.ID}, nil
}

func (f *fakeBackend) Device(context.Context, *idp.Login) (*idp.Device, error) {
	return testDevice, nil
}

func (f *fakeBackend) AllowDevice(context.Context, *idp.Login, *idp.Device, int) (bool, error) {
	return true, nil
}

func (f *fakeBackend) DenyDevice(context.Context, *idp.Login) error { return nil }

func (f *fakeBackend) HandOver(ctx context.Context, id, browser string, _ idp.Sender) (*idp.Login, error) {
	return f.Find(ctx, id, browser)
}

func (f *fakeBackend) Handoff(context.Context, string) (*idp.Handoff, error) { return nil, nil }

func (f *fakeBackend) FindHandoff(context.Context, string) (*idp.Handoff, *idp.Login, error) {
	return &idp.Handoff{LoginID: testID, ExpiresAt: testNow.Add(time.Minute)}, f.login, f.findErr
}

func (f *fakeBackend) Waiting(context.Context, string) (*idp.Login, error) { return f.login, nil }

func (f *fakeBackend) Over(*idp.Handoff, *idp.Login) bool { return false }

func (f *fakeBackend) Take(context.Context, *idp.Login, string) (*idp.Login, error) {
	return f.login, nil
}

func (f *fakeBackend) Pick(context.Context, *idp.Login, int) (bool, error) { return true, nil }

func (f *fakeBackend) DenyHandoff(context.Context, string, string) error { return nil }

func (f *fakeBackend) Complete(context.Context, *idp.Login, *idp.Handoff, string) (*login.Outcome, error) {
	return f.outcome, f.verifyErr
}
