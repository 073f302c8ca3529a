package config

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"

	"near-idp/internal/icon"
)

// Branding is what people see of the operator.
type Branding struct {
	// Name appears on pages, at most 60 characters. Default: the issuer's host.
	Name string `yaml:"name"`
	// Logo is a file with an SVG or a PNG of at most 32 KiB, read at the start and shown beside
	// Name in place of a lock. A relative path starts from the configuration file. Default: none.
	Logo string `yaml:"logo"`
	// Picture is what the file Logo holds; nil: it names none.
	Picture *icon.Icon `yaml:"-"`
	// Color, "#rrggbb", is an accent on pages whose client has none of its own. Default: none.
	Color string `yaml:"color"`
	// SupportURL, PrivacyURL and TermsURL are linked at the end of every page: https, or
	// http on a loopback host; SupportURL may be a mailto: address. Default: none.
	SupportURL string `yaml:"support_url"`
	PrivacyURL string `yaml:"privacy_url"`
	TermsURL   string `yaml:"terms_url"`
}

// readLogo reads the file that the operator's logo is in.
func (d *decoder) readLogo(b *Branding) {
	if b.Logo == "" {
		return
	}
	if !filepath.IsAbs(b.Logo) {
		b.Logo = filepath.Join(d.dir, b.Logo)
	}
	data, err := d.files.read(b.Logo, icon.MaxBytes)
	if err != nil {
		d.add("branding.logo", "cannot read the picture: %w", err)
		return
	}
	if b.Picture, err = icon.Read(data); err != nil {
		d.add("branding.logo", "%s: %w", b.Logo, err)
	}
}

var colour = regexp.MustCompile(`^#[0-9a-f]{6}$`)

func (c *Config) checkBranding(p *problems) {
	b := c.Branding
	checkName(p, "branding.name", b.Name, 60)
	if b.Color != "" && !colour.MatchString(b.Color) {
		p.add("branding.color", "%s is no colour: write six hexadecimal digits in lower case, such as \"#0a7cff\", in quotes since # begins a comment", quote(b.Color))
	}
	for _, link := range [][2]string{{"support_url", b.SupportURL}, {"privacy_url", b.PrivacyURL}, {"terms_url", b.TermsURL}} {
		if link[1] == "" {
			continue
		}
		if err := checkLink(link[1], link[0] == "support_url"); err != nil {
			p.add("branding."+link[0], "%w", err)
		}
	}
}

// checkLink accepts what a page may lead people to.
func checkLink(text string, mail bool) error {
	if len(text) > 2048 {
		return fmt.Errorf("%s is longer than 2048 bytes", quote(text))
	}
	if u, err := url.Parse(text); err == nil && mail && u.Scheme == "mailto" && u.Opaque != "" {
		return nil
	}
	u, err := parseURL(text)
	switch {
	case err != nil:
		return err
	case u.User != nil:
		return fmt.Errorf("the address at %s contains a user name or password: remove it", quote(u.Hostname()))
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return fmt.Errorf("%s is not https: http is accepted on loopback hosts only", quote(text))
	}
	return nil
}
