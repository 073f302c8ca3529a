package login

import (
	"strings"
	"testing"

	"near-idp/internal/idp"
)

// W06, K03: the signed text is one line of plain ASCII that names who asks,
// whatever the client calls itself.
func TestHostileNamesCannotChangeTheSignedText(t *testing.T) {
	for name, want := range map[string]string{
		"Grafana":                         "Sign in to Grafana (app.example.com) via id.example.com with your NEAR account. Request ",
		"":                                "Sign in to app (app.example.com) via ",
		"漢字":                              "Sign in to app.example.com via ",
		"a\nb\r\x00\x1bc":                 "Sign in to abc (app.example.com) via ",
		"x'; rm -rf $HOME `id` !! \\":     "Sign in to x rm -rf HOME id (app.example.com) via ",
		"\u202eevil":                      "Sign in to evil (app.example.com) via ",
		strings.Repeat("long name ", 100): "Sign in to long name long name long name long name (app.example.com) via ",
	} {
		got := message(&idp.Client{ID: "app", Name: name}, "app.example.com", "id.example.com")("ABCD-EFGH")
		if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "Request ABCD-EFGH. This is free and does not send a transaction.") {
			t.Errorf("name %q gives %q", name, got)
		}
		check(t, got)
	}
	check(t, message(&idp.Client{ID: "a"}, strings.Repeat("sub.", 60)+"example.com", strings.Repeat("r", 64))("ABCD-EFGH"))
	if got := message(nil, "", "id.example.com")("ABCD-EFGH"); !strings.HasPrefix(got, "Sign in to id.example.com with your") {
		t.Errorf("without a client: %q", got)
	}
}

func check(t *testing.T, text string) {
	t.Helper()
	if len(text) > 400 {
		t.Errorf("%d bytes, of which a Ledger shows 400: %q", len(text), text)
	}
	for _, r := range text {
		if r < 0x20 || r > 0x7e || strings.ContainsRune("'\"`$!\\", r) {
			t.Errorf("%q in %q", r, text)
		}
	}
}

func TestShortCode(t *testing.T) {
	seen := map[string]bool{}
	for i := range 256 {
		code := ShortCode([32]byte{byte(i)})
		if len(code) != 9 || code[4] != '-' || seen[code] {
			t.Fatalf("code %q", code)
		}
		seen[code] = true
	}
}
