package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"near-idp/internal/config"
	"near-idp/internal/web"
	"near-idp/web/static"
	"near-idp/web/templates"
)

// listed is the configuration with these wallets.
func listed(t *testing.T, wallets string) *config.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	text := "issuer: https://id.example.com\nnear: {network: mainnet}\nencryption: {keys: ['" + strings.Repeat("k", 32) + "']}\nwallets: " + wallets
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "acme.svg"), []byte(`<svg><path d="M0 0h9v9z"/></svg>`), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestEveryKnownWalletHasAnIconAndAWayToBeSpokenTo(t *testing.T) {
	t.Parallel()
	const ids = "hot, nightly, okx, sender, meteor, intear, mynearwallet, bitte, ledger"
	list, _ := wallets(listed(t, "["+ids+"]"))
	if len(list) != len(strings.Split(ids, ", ")) {
		t.Fatalf("%d buttons: %+v", len(list), list)
	}
	for _, w := range list {
		if w.Kind == "" || w.Name == "" || static.WalletIcon(w.ID) == static.WalletIcon(config.NeutralIcon) {
			t.Errorf("%+v", w)
		}
	}
}

func TestWalletsOfTheOperatorKeepTheirPlaceAndTheirIcon(t *testing.T) {
	t.Parallel()
	cfg := listed(t, `[
		{id: acme, name: Acme, protocol: sign-message, url: "https://wallet.acme.example", redirect: true, icon: acme.svg},
		{id: staging, name: Staging, protocol: meteor, url: "https://staging.example", icon: meteor},
		near-cli]`)
	list, icons := wallets(cfg)
	if len(list) != 2 || len(icons) != 1 {
		t.Fatalf("%+v, %d icons", list, len(icons))
	}
	if w := list[0]; w.Kind != templates.WalletRedirect || w.IconURL != web.IconPath(icons[0]) || w.URL != "https://wallet.acme.example" {
		t.Errorf("%+v", w)
	}
	if w := list[1]; w.Kind != templates.WalletMeteor || w.IconURL != static.WalletIcon("meteor") {
		t.Errorf("%+v", w)
	}
	if !offers(cfg, config.CommandLine) || offers(cfg, config.Announced) {
		t.Error("near-cli is listed and announced is not")
	}
}
