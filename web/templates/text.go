package templates

import (
	"context"
	"io"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"near-idp/internal/text"

	"github.com/a-h/templ"
)

// T is a message in the reader's language (text.Printer.T).
func (p Page) T(m text.Message, args ...string) string { return p.Text.T(m, args...) }

// Rich is a message with components for the names in it, each kept from reordering the
// sentence around it: p.Rich("Your wallet must name {host}.", Filled{"host": bold(host)}).
func (p Page) Rich(m text.Message, filled Filled) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		for _, part := range p.Text.Parts(m) {
			c, known := filled[part.Name]
			if part.Name == "" || !known {
				c = words(part.Words)
			} else {
				c = isolated(c)
			}
			if err := c.Render(ctx, w); err != nil {
				return err
			}
		}
		return nil
	})
}

// Filled is what stands for the names in a message.
type Filled map[string]templ.Component

// passing is a page that nobody stays on long enough to want another language.
func passing(p Page) Page {
	p.LanguageURL = ""
	return p
}

func direction(p Page) string {
	if p.Text.Language().RightToLeft {
		return "rtl"
	}
	return "ltr"
}

func windowTitle(p Page) string {
	if p.Title == "" || p.Title == p.Brand {
		return p.Brand
	}
	return p.Title + " · " + p.Brand
}

// or is the first of its arguments that is not empty.
func or(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func networkName(network string) string {
	switch network {
	case "mainnet":
		return "Mainnet"
	case "testnet":
		return "Testnet"
	}
	return network
}

// seconds rounds down, so that the page never promises time that is not there.
func seconds(d time.Duration) string {
	return strconv.Itoa(max(0, int(d/time.Second)))
}

// minutes rounds up: the time is shown while there is any.
func minutes(d time.Duration) string { return strconv.Itoa(max(0, int(math.Ceil(d.Minutes())))) }

// destination lets a redirect URI through, native applications' own schemes
// included, and refuses what a browser would run in our origin: a registration
// that slipped through must not become a script here.
func destination(to string) templ.SafeURL {
	u, err := url.Parse(to)
	if err != nil || u.Scheme == "" {
		return templ.FailedSanitizationURL
	}
	switch strings.ToLower(u.Scheme) {
	case "javascript", "data", "vbscript", "blob", "file", "filesystem", "about", "view-source":
		return templ.FailedSanitizationURL
	}
	return templ.SafeURL(to)
}

func initial(name string) string {
	for _, r := range name {
		return string(r)
	}
	return ""
}

func codes(p Panel) string { return strings.Join(refusals[p], " ") }
