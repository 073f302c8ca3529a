package clients

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"near-idp/internal/idp"
	"near-idp/internal/logos"
)

const maxName = 100 // characters

var colour = regexp.MustCompile(`^#[0-9a-f]{6}$`)

// checkBrand checks what people are shown of a client, and brings it in normal form.
func checkBrand(c *idp.Client, refuse func(field, value string, err error)) {
	c.Name = strings.TrimSpace(c.Name)
	refuse("client_name", shorten(c.Name), checkName(c.Name))
	for _, link := range [][2]string{{"client_uri", c.ClientURI}, {"policy_uri", c.PolicyURI}, {"tos_uri", c.TosURI}} {
		if field, uri := link[0], link[1]; uri != "" {
			refuse(field, shorten(uri), checkRedirectURI(uri, false)) // pages link to it
		}
	}
	switch {
	case logos.IsData(c.LogoURI):
		refuse("logo_uri", c.LogoURI[:min(len(c.LogoURI), 40)]+"…", logos.CheckData(c.LogoURI))
	case c.LogoURI != "":
		refuse("logo_uri", shorten(c.LogoURI), checkRedirectURI(c.LogoURI, false)) // fetched by package logos
	}
	c.BrandColor = strings.ToLower(c.BrandColor)
	if c.BrandColor != "" && !colour.MatchString(c.BrandColor) {
		refuse("brand_color", shorten(c.BrandColor), errors.New("is no colour: write six hexadecimal digits, such as #0a7cff"))
	}
}

// checkStoredBrand checks of what somebody is about to store what would be a waste to
// check again whenever it is read, or too late: a client that has it lives on.
func checkStoredBrand(c idp.Client) error {
	var problems []error
	if err := checkGlyphs(c.Name); err != nil {
		problems = append(problems, fmt.Errorf("client_name %q %w", shorten(c.Name), err))
	}
	if logos.IsData(c.LogoURI) && logos.CheckData(c.LogoURI) == nil {
		raw, err := logos.ParseData(c.LogoURI)
		if err == nil {
			err = logos.Check(raw)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("logo_uri is refused: %w", err))
		}
	}
	return errors.Join(problems...)
}

// checkName refuses what could make a name read as something else on the pages
// that show it: control characters, line breaks, bidirectional controls and characters of no width.
func checkName(name string) error {
	switch {
	case !utf8.ValidString(name):
		return errors.New("is not UTF-8")
	case utf8.RuneCountInString(name) > maxName:
		return fmt.Errorf("has %d characters: at most %d are allowed, shorten it", utf8.RuneCountInString(name), maxName)
	}
	for i, r := range []rune(name) {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("has the invisible character %U as its %s: remove it", r, ordinal(i+1))
		}
	}
	return nil
}

// maxMarks is how many accents may stand on one letter. Piles of them cover the lines above and below.
const maxMarks = 4

// checkGlyphs refuses letters that nothing is drawn for and piles of accents.
func checkGlyphs(name string) error {
	marks := 0
	for i, r := range []rune(name) {
		if blank(r) {
			return fmt.Errorf("has the invisible character %U as its %s: remove it", r, ordinal(i+1))
		}
		if marks++; !unicode.Is(unicode.M, r) {
			marks = 0
		}
		if marks > maxMarks {
			return fmt.Errorf("has more than %d accents on one letter, the last of them %U as its %s: remove them", maxMarks, r, ordinal(i+1))
		}
	}
	return nil
}

// blank reports letters and signs that nothing is drawn for, which unicode.IsPrint takes for
// visible: the fillers of Hangul, vowels of Khmer that are implied, the joiner of
// graphemes and the empty braille pattern.
func blank(r rune) bool {
	switch r {
	case '\u034f', '\u115f', '\u1160', '\u17b4', '\u17b5', '\u2800', '\u3164', '\uffa0':
		return true
	}
	return false
}

// ordinal is where a character stands, for people who count from one.
func ordinal(n int) string {
	suffix := "th"
	if n/10%10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprintf("%d%s character", n, suffix)
}
