package main

import (
	"near-idp/internal/config"
	"near-idp/web/templates"
)

// wallets lists what the login page offers, in its order: those that sign in and
// sign in one window first. Extensions show once the page detects them.
func wallets(cfg *config.Config) []templates.Wallet {
	w := cfg.Wallets
	var list []templates.Wallet
	add := func(enabled bool, wallet templates.Wallet) {
		if enabled {
			list = append(list, wallet)
		}
	}
	injected := func(enabled bool, id, name string) {
		add(enabled, templates.Wallet{ID: id, Name: name, Kind: templates.WalletInjected})
	}
	injected(w.HOT.Enabled && cfg.Near.Network == config.Mainnet, "hot", "HOT Wallet") // it has no testnet
	injected(w.Nightly.Enabled, "nightly", "Nightly")
	injected(w.OKX.Enabled, "okx", "OKX Wallet")
	injected(w.Sender.Enabled, "sender", "Sender")
	add(w.Meteor.Enabled, templates.Wallet{ID: "meteor", Name: "Meteor Wallet", Kind: templates.WalletPopup, URL: w.Meteor.URL})
	add(w.Intear.Enabled, templates.Wallet{ID: "intear", Name: "Intear Wallet", Kind: templates.WalletPopup, URL: w.Intear.URL})
	add(w.MyNearWallet.Enabled, templates.Wallet{ID: "mynearwallet", Name: "MyNearWallet", Kind: templates.WalletPopup, URL: w.MyNearWallet.URL})
	return list
}
