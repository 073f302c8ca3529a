package main

import (
	"near-idp/internal/config"
	"near-idp/web/templates"
)

// wallets lists what the login page has buttons for, in the order of the configuration.
func wallets(cfg *config.Config) []templates.Wallet {
	var list []templates.Wallet
	for _, w := range cfg.OfferedWallets() {
		button := templates.Wallet{ID: w.ID, Name: w.Name, URL: w.URL}
		switch w.Protocol {
		case config.Extension:
			button.Kind = templates.WalletInjected
		case config.MeteorWeb:
			button.Kind = templates.WalletMeteor
		case config.IntearWeb:
			button.Kind = templates.WalletIntear
		case config.SignMessage:
			button.Kind = templates.WalletPopup
			if w.Redirect {
				button.Kind = templates.WalletRedirect
			}
		default:
			continue // it has no button
		}
		list = append(list, button)
	}
	return list
}
