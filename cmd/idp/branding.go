package main

import (
	"near-idp/internal/config"
	"near-idp/internal/icon"
	"near-idp/internal/web"
	"near-idp/web/templates"
)

// operator is what pages show of the operator besides the name.
func operator(cfg *config.Config) templates.Operator {
	b := cfg.Branding
	o := templates.Operator{Color: b.Color, SupportURL: b.SupportURL, PrivacyURL: b.PrivacyURL, TermsURL: b.TermsURL}
	if b.Picture != nil {
		o.LogoURL = web.IconPath(b.Picture)
	}
	return o
}

// operatorIcons are the pictures that it needs.
func operatorIcons(cfg *config.Config) []*icon.Icon {
	if cfg.Branding.Picture == nil {
		return nil
	}
	return []*icon.Icon{cfg.Branding.Picture}
}
