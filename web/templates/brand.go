package templates

import (
	"math"
	"net/url"
	"strconv"
	"unicode"
)

// Operator is what pages show of who runs the provider, besides the name. Empty fields are left out.
type Operator struct {
	LogoURL    string // in place of the lock
	Color      string // "#rrggbb", of Page.Accent where no client has one
	SupportURL string
	PrivacyURL string
	TermsURL   string
}

// Mark stands beside the name of an application: its logo or, without one, a tile with a letter.
type Mark struct {
	Name    string // empty: nothing is shown
	LogoURL string // of our copy; empty: a tile
	Color   string // "#rrggbb", of the tile; empty: neutral
}

// Links lead to what an application says of itself.
type Links struct {
	PolicyURL string // how it treats what it learns; empty: none
	TermsURL  string // on what terms it is used; empty: none
}

// letter is what a tile shows of a name.
func letter(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return string(unicode.ToUpper(r))
		}
	}
	return initial(name)
}

// ink is the text colour on a background, black or white, whichever has the greater contrast: of
// any background that is 4.58 to 1 or more (WCAG 2.2, 1.4.3). "" for what is no colour.
func ink(background string) string {
	light, ok := luminance(background)
	switch {
	case !ok:
		return ""
	case (light+0.05)/0.05 >= 1.05/(light+0.05):
		return "#000000"
	}
	return "#ffffff"
}

// luminance is the relative luminance of "#rrggbb" (WCAG 2.2).
func luminance(color string) (float64, bool) {
	n, err := strconv.ParseUint(color[min(1, len(color)):], 16, 24)
	if err != nil || len(color) != 7 || color[0] != '#' {
		return 0, false
	}
	part := func(shift int) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0), true
}

// hostOf is whose a link is.
func hostOf(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return u.Host
}
