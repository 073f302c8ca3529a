package oauth_test

import (
	"maps"
	"net/url"
	"strings"
	"testing"

	"near-idp/internal/idp"
	"near-idp/internal/oauth"
)

const afterLogout = "https://app.example.com/bye?keep=1"

// hinted signs in and returns the ID token, with the clients of logout tests registered.
func hinted(t *testing.T) (*env, string) {
	e := setup(t)
	e.clients["web"].PostLogoutRedirectURIs = []string{afterLogout, "https://app.example.com/bye"}
	e.clients["other"].PostLogoutRedirectURIs = []string{"https://other.example.com/bye"}
	return e, e.tokens(codeForm(e.signIn(request()).Get("code"))).IDToken
}

func (e *env) endSession(form url.Values) *oauth.LogoutRequest {
	e.Helper()
	req, err := e.EndSession(e.Context(), form)
	if err != nil {
		e.Fatal(err)
	}
	return req
}

// L01, L02: what each module of oidcc-rp-initiated-logout sends, and what it proves.
func TestLogoutRequests(t *testing.T) {
	e, hint := hinted(t)
	es := e.tokens(codeForm(e.signIn(request("client_id", "es")).Get("code"), "client_id", "es")).IDToken
	access := e.tokens(codeForm(e.signIn(request()).Get("code"))).AccessToken
	claims := e.payload(hint)
	const back = "https://app.example.com/bye"
	for name, test := range map[string]struct {
		form     url.Values
		proven   bool
		to       string
		refused  bool
		clientID string
	}{
		"oidcc-rp-initiated-logout":               {form("id_token_hint", hint, "post_logout_redirect_uri", afterLogout, "state", "a&b=é"), true, afterLogout + "&state=a%26b%3D%C3%A9", false, "web"},
		"without a query of its own":              {form("id_token_hint", hint, "post_logout_redirect_uri", back, "state", "s"), true, back + "?state=s", false, "web"},
		"with client_id":                          {form("id_token_hint", hint, "client_id", "web", "post_logout_redirect_uri", back), true, back, false, "web"},
		"no-state":                                {form("id_token_hint", hint, "post_logout_redirect_uri", back), true, back, false, "web"},
		"no-post-logout-redirect-uri":             {form("id_token_hint", hint, "state", "s"), true, "", false, "web"},
		"Keycloak's call without a browser":       {form("id_token_hint", hint, "state", "s"), true, "", false, "web"},
		"another algorithm":                       {form("id_token_hint", es), true, "", false, "es"},
		"no-params":                               {form(), false, "", false, ""},
		"only-state":                              {form("state", "s"), false, "", false, ""},
		"no-id-token-hint":                        {form("post_logout_redirect_uri", back, "state", "s"), false, "", true, ""},
		"no-id-token-hint, with client_id":        {form("post_logout_redirect_uri", back, "client_id", "web"), false, back, false, "web"},
		"bad-id-token-hint":                       {form("id_token_hint", "garbage", "post_logout_redirect_uri", back), false, "", true, ""},
		"bad-id-token-hint, with client_id":       {form("id_token_hint", "garbage", "client_id", "web", "post_logout_redirect_uri", back), false, "", true, ""},
		"modified-id-token-hint":                  {form("id_token_hint", flip(hint), "post_logout_redirect_uri", back), false, "", true, ""},
		"alg none":                                {form("id_token_hint", "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0."+strings.Split(hint, ".")[1]+".", "post_logout_redirect_uri", back), false, "", true, ""},
		"an access token for a hint":              {form("id_token_hint", access, "post_logout_redirect_uri", back), false, "", true, ""},
		"bad-post-logout-redirect-uri":            {form("id_token_hint", hint, "post_logout_redirect_uri", back+"x"), true, "", true, "web"},
		"query-added-to-post-logout-redirect-uri": {form("id_token_hint", hint, "post_logout_redirect_uri", back+"?foo=bar"), true, "", true, "web"},
		"the redirect_uri":                        {form("id_token_hint", hint, "post_logout_redirect_uri", redirect), true, "", true, "web"},
		"another client's address":                {form("id_token_hint", hint, "post_logout_redirect_uri", "https://other.example.com/bye"), true, "", true, "web"},
		"another client's address and client_id":  {form("id_token_hint", hint, "client_id", "other", "post_logout_redirect_uri", "https://other.example.com/bye"), false, "", true, ""},
		"upper case":                              {form("id_token_hint", hint, "post_logout_redirect_uri", strings.ToUpper(back)), true, "", true, "web"},
		"trailing slash":                          {form("id_token_hint", hint, "post_logout_redirect_uri", back+"/"), true, "", true, "web"},
		"unknown client_id":                       {form("client_id", "nobody", "post_logout_redirect_uri", back), false, "", true, ""},
		"disabled client":                         {form("client_id", "gone", "post_logout_redirect_uri", back), false, "", true, ""},
		"two hints":                               {url.Values{"id_token_hint": {hint, es}}, false, "", true, ""},
		"two addresses":                           {url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {back, afterLogout}}, false, "", true, ""},
		"control characters in the state":         {form("id_token_hint", hint, "post_logout_redirect_uri", back, "state", "a\r\nSet-Cookie: b"), false, "", true, ""},
		"a state that is too long":                {form("id_token_hint", hint, "post_logout_redirect_uri", back, "state", strings.Repeat("s", 4097)), false, "", true, ""},
		"parameters that nobody asked for":        {form("id_token_hint", hint, "ui_locales", "de", "logout_hint", "x"), true, "", false, "web"},
		"a long state":                            {form("id_token_hint", hint, "post_logout_redirect_uri", back, "state", strings.Repeat("s", 4096)), true, back + "?state=" + strings.Repeat("s", 4096), false, "web"},
	} {
		got := e.endSession(test.form)
		if proven := got.Subject != ""; proven != test.proven || got.RedirectTo != test.to || got.Refused != test.refused || clientOf(got) != test.clientID {
			t.Errorf("%s: %+v of client %q", name, got, clientOf(got))
		}
		if test.proven && test.clientID == "web" && (got.Subject != claims["sub"] || got.SID != claims["sid"] || got.SID == "") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func form(pairs ...string) url.Values { return change(url.Values{}, pairs) }

func clientOf(r *oauth.LogoutRequest) string {
	if r.Client == nil {
		return ""
	}
	return r.Client.ID
}

// flip changes one character of a token's claims.
func flip(token string) string {
	at := strings.IndexByte(token, '.') + 20
	swap := "A"
	if token[at] == 'A' {
		swap = "B"
	}
	return token[:at] + swap + token[at+1:]
}

// L01: the hint of a client that is gone proves nothing, and an expired one as much as ever.
func TestLogoutHintOfAClientThatIsGone(t *testing.T) {
	e, hint := hinted(t)
	registered := maps.Clone(e.clients)
	delete(e.clients, "web")
	if got := e.endSession(form("id_token_hint", hint)); got.Subject != "" || got.Client != nil {
		t.Errorf("removed: %+v", got)
	}
	maps.Copy(e.clients, registered)
	e.Provider.Now = nil // the hint's age is nobody's business
	if got := e.endSession(form("id_token_hint", hint)); got.Subject == "" {
		t.Errorf("%+v", got)
	}
}

// Keycloak finds the session of a logout token by session_state alone.
func TestTokenResponseNamesTheSession(t *testing.T) {
	e := setup(t)
	got := e.tokens(codeForm(e.signIn(request()).Get("code")))
	if sid := e.payload(got.IDToken)["sid"]; got.SessionState == "" || sid != got.SessionState {
		t.Errorf("session_state %q, sid %v", got.SessionState, sid)
	}
	if again := e.tokens(refreshForm(got.RefreshToken)); again.SessionState != got.SessionState {
		t.Errorf("after a refresh %q", again.SessionState)
	}
	if plain := e.tokens(codeForm(e.signIn(request("scope", "profile")).Get("code"))); plain.SessionState != "" || plain.IDToken != "" {
		t.Errorf("without openid: %+v", plain)
	}
}

// RT05: what was issued in a session ends with it.
func TestTokensEndWithTheirSession(t *testing.T) {
	e := setup(t)
	got := e.tokens(codeForm(e.signIn(request()).Get("code")))
	pending := e.signIn(request()).Get("code")
	sids := []string{got.SessionState}
	if err := e.pool.QueryRow(t.Context(), `SELECT array_agg(sid) FROM sessions`).Scan(&sids); err != nil {
		t.Fatal(err)
	}
	if n, err := e.store.EndSessions(t.Context(), true, sids...); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	_, err := e.UserInfo(t.Context(), got.AccessToken)
	e.refused(err, "invalid_token")
	_, err = e.post(refreshForm(got.RefreshToken))
	e.refused(err, "invalid_grant")
	_, err = e.post(codeForm(pending))
	e.refused(err, "invalid_grant")
}

// Any form whatever is answered without an error, and leads nowhere that is not registered.
func FuzzEndSession(f *testing.F) {
	for _, seed := range []string{"", "id_token_hint=x", "client_id=web&post_logout_redirect_uri=https%3A%2F%2Fapp.example.com%2Fbye&state=%00", "client_id=%ff&client_id="} {
		f.Add(seed)
	}
	keys, err := ring()
	if err != nil {
		f.Fatal(err)
	}
	e := &env{clients: map[string]*idp.Client{"web": {ID: "web", PostLogoutRedirectURIs: []string{afterLogout}}}}
	p, err := oauth.New(oauth.Options{Issuer: issuer, Clients: e, Keys: keys, Lifetimes: idp.DefaultLifetimes, DefaultAlg: idp.RS256})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query string) {
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		got, err := p.EndSession(t.Context(), form)
		if err != nil || got.Subject != "" || (got.RedirectTo != "" && !strings.HasPrefix(got.RedirectTo, afterLogout)) {
			t.Errorf("%+v %v", got, err)
		}
	})
}
