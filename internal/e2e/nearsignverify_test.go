package e2e

import (
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"near-idp/internal/pgtest"
)

// TestBackendLoginGuideRunsUnchanged runs the client code of NEAR's
// backend-login guide with the package that it names, the newest and an older
// version. Wallets return signatures in base64 or, like Intear, in base58; the older
// version takes no others.
func TestBackendLoginGuideRunsUnchanged(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	for version, signers := range map[string][]string{
		"near-sign-verify":       {"keypair", "base64", "base58"},
		"near-sign-verify-0.4.3": {"keypair", "base58"},
	} {
		for _, signer := range signers {
			t.Run(version+" "+signer, func(t *testing.T) {
				t.Parallel()
				got := node(t, p, "near-sign-verify.mjs", map[string]any{
					"issuer": p.issuer, "package": version, "signer": signer, "seed": hex.EncodeToString(p.seed), "account_id": p.alice.AccountID,
				})
				if got["status"] != float64(http.StatusOK) || got["success"] != true || got["accountId"] != p.alice.AccountID || got["code"] != nil {
					t.Errorf("verify-login: %v", got)
				}
				if got["again"] != float64(http.StatusOK) || got["forged"] != float64(http.StatusUnauthorized) {
					t.Errorf("the same token again %v, a forged one %v", got["again"], got["forged"])
				}
			})
		}
	}
}

func TestEmbeddedLoginOfNearSignVerifyYieldsACode(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	for _, signer := range []string{"keypair", "base64"} {
		q := newRequest("rs256", "openid profile")
		body := map[string]string{}
		for name, values := range q.form() {
			body[name] = values[0]
		}
		run := func(origin string) map[string]any {
			return node(t, p, "near-sign-verify.mjs", map[string]any{
				"issuer": p.issuer, "package": "near-sign-verify", "signer": signer, "seed": hex.EncodeToString(p.seed),
				"account_id": p.alice.AccountID, "request": body, "origin": origin,
			})
		}
		got := run(appOrigin)
		code, _ := got["code"].(string)
		if got["status"] != float64(http.StatusOK) || got["success"] != true || code == "" || got["cookie"] != nil ||
			got["state"] != q.state || got["allowed"] != appOrigin {
			t.Fatalf("verify-login: %v", got)
		}
		if to, _ := got["redirect_to"].(string); !strings.HasPrefix(to, redirectURI+"?") || !strings.Contains(to, "code="+code) {
			t.Errorf("redirect_to %s", to)
		}
		b := p.browser()
		tokens := b.postForm("/token", q.redeem(code))
		if info := b.userInfo(tokens.text("access_token")); tokens.status != http.StatusOK || info.text("sub") != p.alice.AccountID {
			t.Errorf("token: %d %s", tokens.status, tokens.body)
		}
		if got := run("https://evil.example"); got["initiate"] != float64(http.StatusForbidden) || got["allowed"] != nil {
			t.Errorf("a page of another origin: %v", got)
		}
	}
}
