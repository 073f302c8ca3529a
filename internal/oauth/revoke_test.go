package oauth_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/oauth"
)

func asClient(form url.Values) *http.Request {
	return &http.Request{Method: http.MethodPost, Header: http.Header{}, PostForm: form}
}

// tokenForm is a revocation or introspection request with changes.
func tokenForm(token string, changes ...string) url.Values {
	return change(url.Values{"token": {token}, "client_id": {"web"}, "client_secret": {secret}}, changes)
}

func (e *env) revoke(token string, changes ...string) error {
	return e.Revoke(e.Context(), asClient(tokenForm(token, changes...)))
}

func (e *env) introspect(token string, changes ...string) *oauth.Introspection {
	e.Helper()
	got, err := e.Introspect(e.Context(), asClient(tokenForm(token, changes...)))
	if err != nil {
		e.Fatalf("introspect: %v", err)
	}
	return got
}

// dead asserts that nothing of a grant works any more.
func (e *env) dead(tokens *oauth.TokenResponse) {
	e.Helper()
	_, err := e.UserInfo(e.Context(), tokens.AccessToken)
	e.refused(err, "invalid_token")
	if e.introspect(tokens.AccessToken).Active {
		e.Error("the access token is still active")
	}
	if tokens.RefreshToken != "" {
		if e.introspect(tokens.RefreshToken).Active {
			e.Error("the refresh token is still active")
		}
		_, err = e.post(refreshForm(tokens.RefreshToken))
		e.refused(err, "invalid_grant")
	}
}

// alive asserts that an access token works.
func (e *env) alive(tokens *oauth.TokenResponse) {
	e.Helper()
	if _, err := e.UserInfo(e.Context(), tokens.AccessToken); err != nil {
		e.Error(err)
	}
}

// I02: either token ends the grant with every token that came of it.
func TestRevokingEitherTokenEndsTheGrant(t *testing.T) {
	e := setup(t)
	for _, hint := range []string{"", "access_token", "refresh_token", "nonsense"} {
		for name, token := range map[string]func(*oauth.TokenResponse) string{
			"access":  func(r *oauth.TokenResponse) string { return r.AccessToken },
			"refresh": func(r *oauth.TokenResponse) string { return r.RefreshToken },
		} {
			first := e.tokens(codeForm(e.signIn(request()).Get("code")))
			second := e.tokens(refreshForm(first.RefreshToken))
			if err := e.revoke(token(first), "token_type_hint", hint); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			e.dead(second)
			if err := e.revoke(token(first)); err != nil {
				t.Errorf("%s once more: %v", name, err)
			}
		}
	}
}

// I02: what is no token, and what is another client's, is left alone, and nobody learns which it was.
func TestRevocationLeavesWhatIsNotTheClientsOwn(t *testing.T) {
	e := setup(t)
	got := e.tokens(codeForm(e.signIn(request()).Get("code")))
	for _, token := range []string{got.AccessToken, got.RefreshToken} {
		if err := e.revoke(token, "client_id", "other"); err != nil {
			t.Errorf("another client's token: %v", err)
		}
		if err := e.revoke(token, "client_id", "spa", "client_secret", ""); err != nil {
			t.Errorf("another client's token: %v", err)
		}
	}
	for _, garbage := range []string{
		"x", "nrt_", "nrt_" + strings.Repeat("A", 70), "a.b.c", got.AccessToken + "x", got.RefreshToken[:20], got.IDToken,
		"\x00", "\xff", strings.Repeat("a", 20000),
	} {
		if err := e.revoke(garbage); err != nil {
			t.Errorf("%.40q: %v", garbage, err)
		}
	}
	e.alive(got)
	e.tokens(refreshForm(got.RefreshToken))
}

// C01: nobody revokes or introspects unauthenticated; a public client shows its id.
func TestRevocationAndIntrospectionAuthenticateTheClient(t *testing.T) {
	e := setup(t)
	got := e.tokens(codeForm(e.signIn(request()).Get("code")))
	ask := map[string]func(form url.Values) error{
		"revoke": func(form url.Values) error { return e.Revoke(t.Context(), asClient(form)) },
		"introspect": func(form url.Values) error {
			_, err := e.Introspect(t.Context(), asClient(form))
			return err
		},
	}
	double := tokenForm(got.AccessToken)
	double["token"] = []string{got.AccessToken, got.RefreshToken}
	for name, ask := range ask {
		for _, wrong := range [][]string{
			{"client_secret", "nope"}, {"client_secret", ""}, {"client_id", "nobody"}, {"client_id", ""}, {"client_id", "gone"}, {"client_id", "spa"},
			{"client_id", "", "client_secret", ""}, {"client_id", "basic"},
		} {
			if refusal := e.refused(ask(tokenForm(got.AccessToken, wrong...)), "invalid_client"); refusal.Status != 401 {
				t.Errorf("%s with %q: %d", name, wrong, refusal.Status)
			}
		}
		e.refused(ask(tokenForm("")), "invalid_request")
		e.refused(ask(double), "invalid_request")
	}
	e.refused(ask["introspect"](tokenForm(got.AccessToken, "client_id", "spa", "client_secret", "")), "invalid_client")
	e.alive(got)

	spa := e.tokens(codeForm(e.signIn(request("client_id", "spa")).Get("code"), "client_id", "spa", "client_secret", ""))
	if err := e.revoke(spa.RefreshToken, "client_id", "spa", "client_secret", ""); err != nil {
		t.Error(err)
	}
	_, err := e.UserInfo(t.Context(), spa.AccessToken)
	e.refused(err, "invalid_token")
}

// I01: the answer for a client's own tokens.
func TestIntrospectionTellsAClientOfItsOwnTokens(t *testing.T) {
	e := setup(t)
	tokens := e.tokens(codeForm(e.signIn(request()).Get("code")))
	claims := e.payload(tokens.AccessToken)
	got := e.introspect(tokens.AccessToken)
	if !got.Active || got.Scope != "openid profile offline_access" || got.ClientID != "web" || got.Username != "alice.near" ||
		got.AccountID != "alice.near" || got.Subject != "alice.near" || got.TokenType != "Bearer" || got.Issuer != issuer ||
		len(got.Audience) != 1 || got.Audience[0] != issuer || got.ID != claims["jti"] || got.SID != e.payload(tokens.IDToken)["sid"] ||
		float64(got.Expires) != claims["exp"] || float64(got.IssuedAt) != claims["iat"] {
		t.Errorf("access token: %+v", got)
	}
	got = e.introspect(tokens.RefreshToken, "token_type_hint", "access_token")
	if !got.Active || got.Scope != "openid profile offline_access" || got.Subject != "alice.near" || got.TokenType != "" ||
		time.Until(time.Unix(got.Expires, 0)) < 29*24*time.Hour {
		t.Errorf("refresh token: %+v", got)
	}
	e.tokens(refreshForm(tokens.RefreshToken))
	if e.introspect(tokens.RefreshToken).Active {
		t.Error("a refresh token that was used is active")
	}
}

// I01, J03: of everything else the answer is that it is not active, and not a word more.
func TestIntrospectionSaysNothingOfOtherTokens(t *testing.T) {
	e := setup(t)
	tokens := e.tokens(codeForm(e.signIn(request()).Get("code")))
	inactive := func(what string, got *oauth.Introspection) {
		t.Helper()
		if got.Active || got.ClientID != "" || got.Subject != "" || got.Scope != "" || got.Expires != 0 || got.Issuer != "" {
			t.Errorf("%s: %+v", what, got)
		}
	}
	inactive("another client's access token", e.introspect(tokens.AccessToken, "client_id", "other"))
	inactive("another client's refresh token", e.introspect(tokens.RefreshToken, "client_id", "other"))
	for _, garbage := range []string{"x", "nrt_" + strings.Repeat("A", 70), tokens.IDToken, tokens.AccessToken + "x", "\x00", "\xff", strings.Repeat("a", 20000)} {
		inactive("garbage", e.introspect(garbage))
	}
	e.exec("UPDATE grants SET expires_at = now() - interval '1 second'")
	inactive("an expired refresh token", e.introspect(tokens.RefreshToken))
	e.exec("UPDATE grants SET revoked_at = now()")
	inactive("a revoked access token", e.introspect(tokens.AccessToken))
	e.exec("DELETE FROM grants")
	inactive("an access token without a grant", e.introspect(tokens.AccessToken))
}

// I01: an expired access token is not active, however its grant stands.
func TestExpiredAccessTokenIsNotActive(t *testing.T) {
	e := setup(t)
	e.clients["web"].Lifetimes.AccessToken = idp.Duration(time.Second)
	tokens := e.tokens(codeForm(e.signIn(request()).Get("code")))
	if tokens.ExpiresIn != 1 || !e.introspect(tokens.AccessToken).Active {
		t.Error("a fresh token is not active")
	}
	time.Sleep(1100 * time.Millisecond)
	if e.introspect(tokens.AccessToken).Active {
		t.Error("an expired token is active")
	}
	if err := e.revoke(tokens.AccessToken); err != nil {
		t.Error(err)
	}
	e.tokens(refreshForm(tokens.RefreshToken)) // what is over revokes nothing
}

// G03, S09: a client that is switched off can do nothing more, at once, and its tokens are worth nothing.
func TestDisabledClientStopsAtOnce(t *testing.T) {
	e := setup(t)
	code := e.signIn(request()).Get("code")
	tokens := e.tokens(codeForm(e.signIn(request()).Get("code")))
	e.clients["web"].Disabled = true
	_, err := e.post(codeForm(code))
	e.refused(err, "invalid_client")
	_, err = e.post(refreshForm(tokens.RefreshToken))
	e.refused(err, "invalid_client")
	e.refused(e.revoke(tokens.AccessToken), "invalid_client")
	_, err = e.Introspect(t.Context(), asClient(tokenForm(tokens.AccessToken)))
	e.refused(err, "invalid_client")
	_, err = e.UserInfo(t.Context(), tokens.AccessToken)
	e.refused(err, "invalid_token") // U02
	e.clients["web"].Disabled = false
	e.tokens(codeForm(code))
	e.tokens(refreshForm(tokens.RefreshToken))
}

// I01, I02: an outage is no success: a client must not take a token for revoked that still works.
func TestRevocationAndIntrospectionDuringAnOutage(t *testing.T) {
	e := setup(t)
	tokens := e.tokens(codeForm(e.signIn(request()).Get("code")))
	e.pool.Close()
	for _, token := range []string{tokens.AccessToken, tokens.RefreshToken} {
		if err := e.revoke(token); !errors.Is(err, idp.ErrUnavailable) {
			t.Errorf("revoke: %v", err)
		}
		if _, err := e.Introspect(t.Context(), asClient(tokenForm(token))); !errors.Is(err, idp.ErrUnavailable) {
			t.Errorf("introspect: %v", err)
		}
	}
}
