package web

import (
	"net/http/httptest"
	"strings"
	"testing"

	"near-idp/web/static"
	"near-idp/web/templates"
)

// A page that could reach devices without need would be one more thing to break into.
func TestOnlyTheLoginPageWithALedgerMaySpeakToDevices(t *testing.T) {
	t.Parallel()
	withLedger := func(o *Options) {
		o.Wallets = append(o.Wallets, templates.Wallet{ID: "ledger", Name: "Ledger", Kind: templates.WalletLedger, URL: static.URL("ledger.js")})
	}
	policy := func(w *httptest.ResponseRecorder) string { return w.Header().Get("Permissions-Policy") }
	want := wantPageHeaders["Permissions-Policy"]
	s := newSite(t, withLedger)
	for _, w := range []*httptest.ResponseRecorder{
		s.send("GET", "/login/"+testID, "", withCookie),
		s.send("POST", "/login/"+testID+"/paste", "output=nothing", withCookie, asForm), // which shows the login page again
	} {
		if got := policy(w); got != strings.Replace(want, "hid=()", "hid=(self)", 1) {
			t.Errorf("login page: %s", got)
		}
		if !strings.Contains(w.Body.String(), `data-url="`+static.URL("ledger.js")+`"`) {
			t.Error("the login page does not name the script")
		}
	}
	for _, path := range []string{"/", "/login/" + testID + "/cb", "/device"} {
		if got := policy(s.send("GET", path, "", withCookie)); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := policy(newSite(t).send("GET", "/login/"+testID, "", withCookie)); got != want {
		t.Errorf("without a Ledger: %s", got)
	}
}

func TestACommandLineThatIsNotListedIsNotOffered(t *testing.T) {
	t.Parallel()
	page := newSite(t, func(o *Options) { o.CommandLine, o.Announced = false, false }).send("GET", "/login/"+testID, "", withCookie).Body.String()
	for _, word := range []string{"NEAR CLI", "sign-nep413", "data-announced"} {
		if strings.Contains(page, word) {
			t.Errorf("the login page has %q", word)
		}
	}
}
