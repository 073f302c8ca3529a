package web

import (
	"strings"
	"testing"

	"near-idp/internal/icon"
	"near-idp/web/templates"
)

func TestIconsOfTheOperatorAreServedWithoutAnyPower(t *testing.T) {
	t.Parallel()
	picture, err := icon.Read([]byte(`<svg xmlns="http://www.w3.org/2000/svg"><style>path{fill:red}</style><path d="M0 0h9v9z"/></svg>`))
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, func(o *Options) {
		o.Icons = []*icon.Icon{picture, picture} // two wallets may share one
		o.Wallets = []templates.Wallet{{ID: "acme", Name: "Acme", Kind: templates.WalletPopup, URL: "https://wallet.acme.example", IconURL: IconPath(picture)}}
	})
	w := s.send("GET", IconPath(picture), "")
	if w.Code != 200 || w.Body.String() != string(picture.Body) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for name, want := range map[string]string{
		"Content-Type": "image/svg+xml", "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin",
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
		"Cache-Control":           "public, max-age=31536000, immutable",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if w := s.send("HEAD", IconPath(picture), ""); w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
	if w := s.send("GET", "/icons/0"+picture.Name(), ""); w.Code != 404 {
		t.Errorf("another name: %d", w.Code)
	}
	if page := s.send("GET", "/login/"+testID, "", withCookie).Body.String(); !strings.Contains(page, `src="`+IconPath(picture)+`"`) {
		t.Error("the login page does not show it")
	}
}
