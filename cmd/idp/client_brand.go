package main

import (
	"flag"

	"near-idp/internal/idp"
)

// brandFlags are the flags of create and update that say what people are shown of a client.
type brandFlags struct {
	options                  *options
	logo, policy, tos, color *string
}

var brandFlagNames = []string{"logo-uri", "policy-uri", "tos-uri", "brand-color"}

func (o *options) brandFlags() *brandFlags {
	return &brandFlags{
		options: o,
		logo:    o.String("logo-uri", "", "`URL` of its logo, a PNG, JPEG, GIF or WebP that is fetched now and every week, or a data:image/png;base64 URL of 32 KB at most"),
		policy:  o.String("policy-uri", "", "`URL` where people read how it treats what it learns"),
		tos:     o.String("tos-uri", "", "`URL` where people read on what terms they use it"),
		color:   o.String("brand-color", "", "`COLOR` of an accent on the pages that show it, such as #0a7cff"),
	}
}

// apply sets what the command line gave and leaves the rest.
func (b *brandFlags) apply(c *idp.Client) {
	b.options.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "logo-uri":
			c.LogoURI = *b.logo
		case "policy-uri":
			c.PolicyURI = *b.policy
		case "tos-uri":
			c.TosURI = *b.tos
		case "brand-color":
			c.BrandColor = *b.color
		}
	})
}
