package main

import (
	"slices"

	"near-idp/internal/config"
	"near-idp/internal/icon"
	"near-idp/internal/outbound"
	"near-idp/internal/postgres"
	"near-idp/internal/relay"
	"near-idp/internal/web"
	"near-idp/web/static"
	"near-idp/web/templates"
)

// wallets lists what the login page has buttons for, in the order of the configuration,
// and the icons of the operator's own among theirs.
func wallets(cfg *config.Config) (list []templates.Wallet, icons []*icon.Icon) {
	for _, w := range cfg.OfferedWallets() {
		button := templates.Wallet{ID: w.ID, Name: w.Name, URL: w.URL}
		switch {
		case w.Picture != nil:
			button.IconURL = web.IconPath(w.Picture)
			icons = append(icons, w.Picture)
		case w.Icon != "":
			button.IconURL = static.WalletIcon(w.Icon)
		}
		switch w.Protocol {
		case config.Extension:
			button.Kind = templates.WalletInjected
		case config.LedgerHID:
			button.Kind, button.URL = templates.WalletLedger, static.URL("ledger.js")
		case config.MeteorWeb:
			button.Kind = templates.WalletMeteor
		case config.IntearWeb:
			button.Kind = templates.WalletIntear
		case config.HOTRelay, config.MobileRelay:
			button.Kind = templates.WalletRelay
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
	return list, icons
}

// offers reports that a wallet of the protocol is on the list.
func offers(cfg *config.Config, protocol string) bool {
	return slices.ContainsFunc(cfg.OfferedWallets(), func(w config.Wallet) bool { return w.Protocol == protocol })
}

// relays are the wallets of the list that are reached through their makers' relays; nil if none is.
func relays(cfg *config.Config, store *postgres.Store) web.Relays {
	client := outbound.Client(outbound.Policy{AllowPrivate: cfg.Outbound.AllowPrivate, AllowLoopback: cfg.IssuerOnLoopback(), MaxBody: 16 << 10})
	reached := map[string]relay.Wallet{}
	for _, w := range cfg.OfferedWallets() {
		options := relay.Options{URL: w.URL, HTTP: client}
		switch w.Protocol {
		case config.HOTRelay:
			reached[w.ID] = &relay.HOT{Options: options}
		case config.MobileRelay:
			reached[w.ID] = &relay.NEARMobile{Options: options}
		}
	}
	if len(reached) == 0 {
		return nil
	}
	return &relay.Service{Store: store, Wallets: reached, Network: cfg.Near.Network, Origin: cfg.Issuer, Name: cfg.Branding.Name, Now: store.Now}
}
