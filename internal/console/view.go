package console

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"near-idp/internal/observe"
	"near-idp/web/static"

	"github.com/a-h/templ"
)

// A page is what every page begins with.
type page struct {
	Brand     string
	Title     string
	Notice    string
	Section   string // of the navigation that the page belongs to
	Account   string // that is signed in; empty: nobody
	RequestID string
	Now       time.Time
	Flash     string // what was just done
}

// The sections of the navigation.
const (
	sectionClients  = "clients"
	sectionAccounts = "accounts"
	sectionEvents   = "events"
	sectionKeys     = "keys"
	sectionAPIKeys  = "api-keys"
	sectionStatus   = "status"
)

// A link leads somewhere.
type link struct{ Section, URL, Text string }

var navigation = []link{
	{sectionClients, "/clients", "Clients"}, {sectionAccounts, "/accounts", "Accounts"}, {sectionEvents, "/events", "Events"},
	{sectionKeys, "/keys", "Keys"}, {sectionAPIKeys, "/api-keys", "API keys"}, {sectionStatus, "/status", "Status"},
}

func (s *Server) view(r *http.Request, section, title string) page {
	return page{Brand: s.Brand, Title: title, Notice: s.Notice, Section: section, Account: visitorOf(r).Subject,
		RequestID: observe.Of(r).ID, Now: s.Now(), Flash: flashes[r.URL.Query().Get("done")]}
}

// flashes are what the page after a change may say; nothing else of an address is ever shown as such.
var flashes = map[string]string{
	"saved": "Saved.", "disabled": "Disabled.", "enabled": "Enabled.", "deleted": "Deleted.", "revoked": "Revoked.",
	"blocked": "Blocked. Its sessions and grants have ended.", "unblocked": "It may sign in again.",
	"ended": "Signed out.", "rotated": "Rotated.", "retired": "Retired.", "forgotten": "Signed out, and what was allowed to applications is forgotten.",
}

func windowTitle(p page) string { return p.Title + " · " + p.Brand + " admin" }

func asset(name string) string { return static.URL(name) }

// at is an address of ours: the parts are escaped, one by one.
func at(parts ...string) templ.SafeURL {
	path := ""
	for _, part := range parts {
		path += "/" + url.PathEscape(part)
	}
	return templ.SafeURL(path)
}

// moment writes a time for people, and machine for programs.
func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

func machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// ago says how far away a time is, in the greatest unit that fits.
func ago(t, now time.Time) string {
	d := now.Sub(t)
	text, past := "", d >= 0
	switch {
	case d < time.Minute && d > -5*time.Second: // clocks differ a little
		return "just now"
	case !past && d > -time.Minute:
		return "in a moment"
	case !past:
		d = -d + time.Second // what lives for 30 days has not 29 left at once
	}
	switch {
	case d < time.Hour:
		text = count(int(d/time.Minute), "minute")
	case d < 48*time.Hour:
		text = count(int(d/time.Hour), "hour")
	case d < 60*24*time.Hour:
		text = count(int(d/(24*time.Hour)), "day")
	default:
		text = count(int(d/(30*24*time.Hour)), "month")
	}
	if past {
		return text + " ago"
	}
	return "in " + text
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
