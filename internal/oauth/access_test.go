package oauth_test

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"near-idp/internal/access"
	"near-idp/internal/idp"
)

// let makes this the policy of the client "web".
func (e *env) let(policy idp.AccessPolicy) {
	e.Helper()
	rules, problems := access.New(map[string][]string{"ops": {"*.ops.near"}}, map[string]idp.AccessPolicy{"staff": policy})
	if len(problems) > 0 {
		e.Fatal(problems)
	}
	e.clients["web"].AccessPolicy = "staff"
	e.access.Store(rules)
}

var aliceOut = idp.AccessPolicy{Deny: []string{"alice.near"}}

// U02: who is taken off the list keeps no tokens: the next refresh ends the grant, with a reason, for good.
func TestRefreshOfADeniedAccountEndsTheGrant(t *testing.T) {
	e := setup(t)
	e.let(idp.AccessPolicy{Allow: []string{"*.near"}})
	got := e.tokens(codeForm(e.signIn(request()).Get("code")))
	got = e.tokens(refreshForm(got.RefreshToken))
	e.let(aliceOut)
	_, err := e.UserInfo(t.Context(), got.AccessToken)
	e.refused(err, "invalid_token")
	if e.introspect(got.AccessToken).Active || e.introspect(got.RefreshToken).Active {
		t.Error("the tokens of a denied account are active")
	}
	_, err = e.post(refreshForm(got.RefreshToken))
	if refusal := e.refused(err, "invalid_grant"); !errors.Is(refusal, idp.ErrDenied) || refusal.Description == "" {
		t.Errorf("%+v", refusal)
	}
	e.let(idp.AccessPolicy{})
	_, err = e.post(refreshForm(got.RefreshToken))
	e.refused(err, "invalid_grant")
	_, err = e.UserInfo(t.Context(), got.AccessToken)
	e.refused(err, "invalid_token")
}

// A code that was issued a moment before the account was denied is worth nothing, now or later.
func TestCodeOfADeniedAccountIsWorthNothing(t *testing.T) {
	e := setup(t)
	code := e.signIn(request()).Get("code")
	e.let(aliceOut)
	_, err := e.post(codeForm(code))
	e.refused(err, "invalid_grant")
	e.let(idp.AccessPolicy{})
	_, err = e.post(codeForm(code))
	e.refused(err, "invalid_grant")
	var live int
	if err := e.pool.QueryRow(t.Context(), "SELECT count(*) FROM grants WHERE revoked_at IS NULL").Scan(&live); err != nil || live > 0 {
		t.Errorf("%d grants live, %v", live, err)
	}
}

// Whoever makes a deleted account anew is somebody else: they get no token of an application
// that its owner before was let in to.
func TestNextOwnerOfAListedAccountGetsNoTokens(t *testing.T) {
	e := setup(t)
	e.exec("INSERT INTO subjects (network, account_id, incarnation, closed_at) VALUES ('mainnet', 'alice.near', 1, now())")
	e.let(idp.AccessPolicy{Allow: []string{"alice.near"}})
	_, err := e.post(codeForm(e.signIn(request()).Get("code")))
	if refusal := e.refused(err, "invalid_grant"); !errors.Is(refusal, idp.ErrDenied) {
		t.Errorf("%+v", refusal)
	}
	e.let(idp.AccessPolicy{Allow: []string{"alice.near", "alice.near#2"}})
	if got := e.tokens(codeForm(e.signIn(request()).Get("code"))); got.RefreshToken == "" {
		t.Error("the owner who is listed gets nothing")
	}
}

// What an operator's mistake, or a replica that has not read the configuration yet, refuses
// is not lost: the same token works when the policy is there.
func TestMissingPolicyRefusesAndEndsNothing(t *testing.T) {
	e := setup(t)
	e.let(idp.AccessPolicy{})
	got := e.tokens(codeForm(e.signIn(request()).Get("code")))
	e.clients["web"].AccessPolicy = "gone"
	_, err := e.post(refreshForm(got.RefreshToken))
	if refusal := e.refused(err, "temporarily_unavailable"); refusal.Status != 503 || !errors.Is(refusal, idp.ErrDenied) {
		t.Errorf("%+v", refusal)
	}
	_, err = e.UserInfo(t.Context(), got.AccessToken)
	e.refused(err, "temporarily_unavailable")
	e.clients["web"].AccessPolicy = "staff"
	e.tokens(refreshForm(got.RefreshToken))
}

// Another client's grants are no matter of this one's policy.
func TestDenialConcernsOneClient(t *testing.T) {
	e := setup(t)
	got := e.tokens(codeForm(e.signIn(request("client_id", "other")).Get("code"), "client_id", "other"))
	e.let(aliceOut)
	e.tokens(refreshForm(got.RefreshToken, "client_id", "other"))
}

func TestNoCodeIsIssuedToADeniedAccount(t *testing.T) {
	e := setup(t)
	e.let(idp.AccessPolicy{Allow: []string{"group:ops"}})
	req, err := e.Authorize(t.Context(), request())
	if err != nil {
		t.Fatal(err)
	}
	l := &idp.Login{ID: rand.Text(), ClientID: "web", Params: req.Params, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Minute)}
	for account, in := range map[string]bool{"alice.near": false, "ops.near": false, "a.ops.near": true} {
		for _, fresh := range []bool{true, false} {
			code, err := e.Issue(t.Context(), l, account, fresh)
			if in != (err == nil) || !in && (code != nil || !errors.Is(err, idp.ErrDenied)) {
				t.Errorf("%s: %v, %v", account, code, err)
			}
		}
	}
}
