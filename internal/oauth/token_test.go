package oauth_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/oauth"
)

// The token endpoint costs one statement, userinfo too; a refresh reads the
// grant before it asks the chain, and rotates after.
func TestStatementsPerRequest(t *testing.T) {
	e := setup(t)
	q := e.signIn(request())
	count := func(what string, want int64, do func()) {
		t.Helper()
		before := e.queries.Load()
		do()
		if got := e.queries.Load() - before; got != want {
			t.Errorf("%s took %d statements, want %d", what, got, want)
		}
	}
	var got *oauth.TokenResponse
	count("token", 1, func() { got = e.tokens(codeForm(q.Get("code"))) })
	count("refresh", 1, func() { got = e.tokens(refreshForm(got.RefreshToken)) })
	count("userinfo", 1, func() {
		if _, err := e.UserInfo(t.Context(), got.AccessToken); err != nil {
			t.Error(err)
		}
	})
	count("introspect", 1, func() { e.introspect(got.AccessToken) })
	count("introspect a refresh token", 1, func() { e.introspect(got.RefreshToken) })
	count("introspect garbage", 0, func() { e.introspect("nrt_" + strings.Repeat("A", 70)) })
	count("introspect another client's token", 0, func() { e.introspect(got.AccessToken, "client_id", "other") })
	count("revoke another client's token", 0, func() { e.revoke(got.AccessToken, "client_id", "other") })
	count("revoke", 1, func() { e.revoke(got.RefreshToken) })
	count("authorize", 0, func() { e.Authorize(t.Context(), request()) })
	count("forged code", 0, func() { e.post(codeForm("nac_short")) })
	count("forged refresh token", 0, func() { e.post(refreshForm("nrt_" + strings.Repeat("A", 70))) })
	count("unknown client", 0, func() { e.post(codeForm(q.Get("code"), "client_id", "nobody")) })
}

// T01: of 16 parallel redemptions one wins; the replay ends the grant (T02).
func TestCodeRedeemedInParallelSucceedsOnceThenRevokes(t *testing.T) {
	e := setup(t)
	code := e.signIn(request()).Get("code")
	var won []*oauth.TokenResponse
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			got, err := e.post(codeForm(code))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won = append(won, got)
			} else {
				e.refused(err, "invalid_grant")
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d redemptions succeeded", len(won))
	}
	_, err := e.UserInfo(t.Context(), won[0].AccessToken)
	if got := e.refused(err, "invalid_token"); got.Status != 401 {
		t.Errorf("status %d", got.Status)
	}
	_, err = e.post(refreshForm(won[0].RefreshToken))
	e.refused(err, "invalid_grant")
}

// P04, P05: no second try after a wrong verifier, with or without one.
func TestPKCEDowngradeAfterWrongVerifierFails(t *testing.T) {
	e := setup(t)
	for name, wrong := range map[string][]string{
		"other verifier": {"code_verifier", strings.Repeat("a", 43)},
		"no verifier":    {"code_verifier", ""},
	} {
		for _, client := range []string{"web", "lax"} {
			code := e.signIn(request("client_id", client)).Get("code")
			_, err := e.post(codeForm(code, append(wrong, "client_id", client)...))
			e.refused(err, "invalid_grant")
			for _, second := range []string{"", verifier} {
				_, err = e.post(codeForm(code, "client_id", client, "code_verifier", second))
				e.refused(err, "invalid_grant")
			}
		}
		_ = name
	}
	code := e.signIn(request("client_id", "lax", "code_challenge", "", "code_challenge_method", "")).Get("code")
	_, err := e.post(codeForm(code, "client_id", "lax"))
	e.refused(err, "invalid_grant") // a verifier where no challenge was
}

// P06: a malformed verifier is refused before the code is touched.
func TestMalformedVerifierLeavesTheCode(t *testing.T) {
	e := setup(t)
	code := e.signIn(request()).Get("code")
	for _, v := range []string{"short", strings.Repeat("a", 129), strings.Repeat("a", 42) + "!", strings.Repeat("é", 40)} {
		_, err := e.post(codeForm(code, "code_verifier", v))
		e.refused(err, "invalid_grant")
	}
	e.tokens(codeForm(code))
}

// T04, T08: another client can neither redeem nor spend a code, nor revoke what came of it.
func TestCodeOfAnotherClientIsLeftAlone(t *testing.T) {
	e := setup(t)
	code := e.signIn(request()).Get("code")
	_, err := e.post(codeForm(code, "client_id", "other"))
	e.refused(err, "invalid_grant")
	got := e.tokens(codeForm(code))
	_, err = e.post(codeForm(code, "client_id", "other"))
	e.refused(err, "invalid_grant")
	if _, err := e.UserInfo(t.Context(), got.AccessToken); err != nil {
		t.Errorf("another client's replay revoked the grant: %v", err)
	}
	_, err = e.post(refreshForm(got.RefreshToken, "client_id", "other"))
	e.refused(err, "invalid_grant")
	e.tokens(refreshForm(got.RefreshToken))
}

// T04: the redirect URI of the token request must be the one of the authorization request.
func TestRedirectURIMustMatchAtTheTokenEndpoint(t *testing.T) {
	e := setup(t)
	for _, other := range []string{"", redirect + "/2", "https://evil.test/cb"} {
		code := e.signIn(request("client_id", "two")).Get("code")
		_, err := e.post(codeForm(code, "client_id", "two", "redirect_uri", other))
		e.refused(err, "invalid_grant")
	}
}

// T03: an expired code is worth nothing, and is no reuse.
func TestExpiredCode(t *testing.T) {
	e := setup(t)
	code := e.signIn(request()).Get("code")
	e.exec("UPDATE logins SET code_expires_at = now() - interval '1 second'")
	_, err := e.post(codeForm(code))
	e.refused(err, "invalid_grant")
}

// RT01, RT02: within the grace window everyone gets the same successor; later, reuse ends the family.
func TestRefreshTokenRotationGraceAndReuse(t *testing.T) {
	e := setup(t)
	first := e.tokens(codeForm(e.signIn(request()).Get("code")))
	successors := map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			got, err := e.post(refreshForm(first.RefreshToken))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			successors[got.RefreshToken]++
		})
	}
	wg.Wait()
	if len(successors) != 1 {
		t.Fatalf("16 parallel refreshes gave %d successors", len(successors))
	}
	var second string
	for token := range successors {
		second = token
	}
	if second == first.RefreshToken {
		t.Fatal("the refresh token was not rotated")
	}
	e.exec("UPDATE grants SET rotated_at = now() - interval '11 seconds'")
	_, err := e.post(refreshForm(first.RefreshToken))
	e.refused(err, "invalid_grant")
	_, err = e.post(refreshForm(second))
	e.refused(err, "invalid_grant")
	_, err = e.UserInfo(t.Context(), first.AccessToken)
	e.refused(err, "invalid_token")
}

// RT01: a token two generations old is a replay at once.
func TestRefreshTokenTwoGenerationsOldRevokes(t *testing.T) {
	e := setup(t)
	first := e.tokens(codeForm(e.signIn(request()).Get("code")))
	second := e.tokens(refreshForm(first.RefreshToken))
	third := e.tokens(refreshForm(second.RefreshToken))
	_, err := e.post(refreshForm(first.RefreshToken))
	e.refused(err, "invalid_grant")
	_, err = e.post(refreshForm(third.RefreshToken))
	e.refused(err, "invalid_grant")
}

// RT04: idle and absolute expiry; a rotation never outlives the absolute one.
func TestRefreshTokenExpiry(t *testing.T) {
	e := setup(t)
	got := e.tokens(codeForm(e.signIn(request()).Get("code")))
	e.exec("UPDATE grants SET max_expires_at = now() + interval '1 minute'")
	got = e.tokens(refreshForm(got.RefreshToken))
	var clamped bool
	if err := e.pool.QueryRow(t.Context(), "SELECT expires_at = max_expires_at FROM grants").Scan(&clamped); err != nil || !clamped {
		t.Errorf("idle expiry outlives the absolute one (%v)", err)
	}
	e.exec("UPDATE grants SET expires_at = now() - interval '1 second'")
	_, err := e.post(refreshForm(got.RefreshToken))
	e.refused(err, "invalid_grant")
}

// RT03: a refresh may narrow scopes and cannot widen them, and the grant stays whole.
func TestRefreshCannotWidenScopes(t *testing.T) {
	e := setup(t)
	got := e.tokens(codeForm(e.signIn(request("scope", "openid offline_access")).Get("code")))
	got = e.tokens(refreshForm(got.RefreshToken, "scope", "openid profile"))
	if got.Scope != "openid" || e.payload(got.AccessToken)["scope"] != "openid" {
		t.Errorf("granted %q", got.Scope)
	}
	if got = e.tokens(refreshForm(got.RefreshToken)); got.Scope != "openid offline_access" {
		t.Errorf("the next refresh was granted %q", got.Scope)
	}
}

// RT05: no offline_access, no refresh token.
func TestRefreshTokenOnlyForOfflineAccess(t *testing.T) {
	e := setup(t)
	got := e.tokens(codeForm(e.signIn(request("scope", "openid")).Get("code")))
	if got.RefreshToken != "" {
		t.Error("a refresh token was issued")
	}
}

// A refreshed token has its own issue time, and the ID token keeps who, when and for whom (RT06).
func TestRefreshIssuesFreshTokens(t *testing.T) {
	e := setup(t)
	first := e.tokens(codeForm(e.signIn(request()).Get("code")))
	time.Sleep(1100 * time.Millisecond)
	second := e.tokens(refreshForm(first.RefreshToken))
	a, b := e.payload(first.IDToken), e.payload(second.IDToken)
	for _, name := range []string{"iss", "sub", "aud", "auth_time", "sid"} {
		if a[name] != b[name] {
			t.Errorf("%s changed from %v to %v", name, a[name], b[name])
		}
	}
	if b["nonce"] != nil {
		t.Errorf("a refreshed ID token has the nonce %v", b["nonce"])
	}
	for _, tokens := range [][2]string{{first.IDToken, second.IDToken}, {first.AccessToken, second.AccessToken}} {
		if x, y := e.payload(tokens[0]), e.payload(tokens[1]); x["iat"] == y["iat"] || x["exp"] == y["exp"] {
			t.Errorf("iat %v and %v, exp %v and %v", x["iat"], y["iat"], x["exp"], y["exp"])
		}
	}
}

// 5, T06, T07: each wrong request has its registered code, and no code is spent by it.
func TestTokenRequestErrors(t *testing.T) {
	e := setup(t)
	code := e.signIn(request()).Get("code")
	double := codeForm(code)
	double["code"] = []string{code, code}
	for name, c := range map[string]struct {
		form   url.Values
		code   string
		status int
	}{
		"no grant type":      {codeForm(code, "grant_type", ""), "invalid_request", 400},
		"password":           {codeForm(code, "grant_type", "password"), "unsupported_grant_type", 400},
		"client credentials": {codeForm(code, "grant_type", "client_credentials"), "unauthorized_client", 400},
		"two grant types":    {codeForm(code, "grant_type", "authorization_code refresh_token"), "unsupported_grant_type", 400},
		"no code":            {codeForm(code, "code", ""), "invalid_request", 400},
		"no refresh token":   {refreshForm(""), "invalid_request", 400},
		"duplicate":          {double, "invalid_request", 400},
		"garbage code":       {codeForm("x"), "invalid_grant", 400},
		"code not in UTF-8":  {codeForm("nac_" + strings.Repeat("\xff", 69)), "invalid_grant", 400},
		"code with NUL":      {codeForm("nac_\x00" + strings.Repeat("A", 68)), "invalid_grant", 400},
		"unknown code":       {codeForm("nac_" + strings.Repeat("A", 69)), "invalid_grant", 400},
		"garbage refresh":    {refreshForm("x"), "invalid_grant", 400},
		"wrong secret":       {codeForm(code, "client_secret", "nope"), "invalid_client", 401},
		"no secret":          {codeForm(code, "client_secret", ""), "invalid_client", 401},
		"unknown client":     {codeForm(code, "client_id", "nobody"), "invalid_client", 401},
		"no client":          {codeForm(code, "client_id", "", "client_secret", ""), "invalid_client", 401},
		"disabled client":    {codeForm(code, "client_id", "gone"), "invalid_client", 401},
		"public with secret": {codeForm(code, "client_id", "spa"), "invalid_client", 401},
		"wrong method":       {codeForm(code, "client_id", "basic"), "invalid_client", 401}, // C03
	} {
		_, err := e.post(c.form)
		if got := e.refused(err, c.code); got.Status != c.status {
			t.Errorf("%s: status %d", name, got.Status)
		}
	}
	e.tokens(codeForm(code))
}

// 6, C02, C04: HTTP Basic is form-encoded, may not be mixed, and its failure carries a challenge.
func TestBasicAuthentication(t *testing.T) {
	e := setup(t)
	header := func(credentials string) http.Header {
		return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))}}
	}
	post := func(h http.Header, form url.Values) error {
		_, err := e.Token(t.Context(), &http.Request{Method: "POST", Header: h, PostForm: form})
		return err
	}
	code := e.signIn(request()).Get("code")
	bare := codeForm(code, "client_id", "", "client_secret", "")
	for name, h := range map[string]http.Header{
		"wrong secret": header("web:nope"), "no colon": header("web"), "bad escape": header("web:%zz"),
		"garbage": {"Authorization": {"Basic !!!"}}, "bearer": {"Authorization": {"Bearer x"}}, "long": header("web:" + strings.Repeat("a", 2000)),
	} {
		if got := e.refused(post(h, bare), "invalid_client"); got.Authenticate == "" || got.Status != 401 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	e.refused(post(header("web:"+secret), codeForm(code)), "invalid_request")
	e.refused(post(header("web:"+secret), codeForm(code, "client_id", "other", "client_secret", "")), "invalid_client")
	if err := post(header("w%65b:"+url.QueryEscape(secret)), bare); err != nil {
		t.Errorf("form-encoded credentials: %v", err)
	}
}

// 7: a database that does not answer is an outage, never a success and never the client's fault.
func TestDatabaseOutageIsUnavailable(t *testing.T) {
	e := setup(t)
	got := e.tokens(codeForm(e.signIn(request()).Get("code")))
	code := e.signIn(request()).Get("code")
	e.pool.Close()
	_, codeErr := e.post(codeForm(code))
	_, refreshErr := e.post(refreshForm(got.RefreshToken))
	_, infoErr := e.UserInfo(t.Context(), got.AccessToken)
	_, proofErr := e.postProof(codeForm(code), newHolder(t).proof(nil, nil))
	for what, err := range map[string]error{"proof": proofErr, "token": codeErr, "refresh": refreshErr, "userinfo": infoErr} {
		if !errors.Is(err, idp.ErrUnavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
