package templates

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
)

func lang(p Page) string {
	if p.Lang == "" {
		return "en"
	}
	return p.Lang
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

func minutes(d time.Duration) string {
	n := int(math.Round(d.Minutes()))
	switch {
	case n < 1:
		return "less than a minute"
	case n == 1:
		return "1 minute"
	}
	return fmt.Sprintf("%d minutes", n)
}

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
