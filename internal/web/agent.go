package web

import (
	"net/netip"
	"strings"

	"near-idp/internal/idp"
)

// A sign is a part of a User-Agent header and what it says.
type sign struct{ part, name string }

// browsers are in the order in which they tell: nearly all of them say that they are
// Chrome and Safari, too.
var browsers = []sign{
	{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"},
	{"OPR/", "Opera"}, {"OPT/", "Opera"}, {"Vivaldi/", "Vivaldi"}, {"SamsungBrowser/", "Samsung Internet"},
	{"YaBrowser/", "Yandex Browser"}, {"DuckDuckGo/", "DuckDuckGo"}, {"Ddg/", "DuckDuckGo"},
	{"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
	{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Chromium/", "Chromium"},
	{"Safari/", "Safari"},
}

// systems are in the order in which they tell: phones say that they are computers, too.
var systems = []sign{
	{"Android", "Android"}, {"iPhone", "iOS"}, {"iPad", "iPadOS"}, {"CrOS", "ChromeOS"},
	{"Windows", "Windows"}, {"Macintosh", "macOS"}, {"Linux", "Linux"}, {"X11", "Linux"},
}

// maxAgent is how much of a User-Agent header is read.
const maxAgent = 256

// browserOf is what a sender seems to be, by its User-Agent header, which it may have
// made up. Only names of our own come of it. A person knows their own network by its first part,
// which is less than an address says of them to whoever else may read it.
func browserOf(agent string, addr netip.Addr) idp.Browser {
	agent = agent[:min(len(agent), maxAgent)]
	return idp.Browser{Name: named(browsers, agent), System: named(systems, agent), Place: idp.Place(addr)}
}

func named(signs []sign, agent string) string {
	for _, s := range signs {
		if strings.Contains(agent, s.part) {
			return s.name
		}
	}
	return ""
}
