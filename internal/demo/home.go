package demo

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A homePage is what the application shows of whoever is signed in.
type homePage struct {
	Notice, Issuer, ClientID string
	Scopes                   string

	Account   string // empty: nobody
	Network   string
	SignedIn  string
	Refreshes int
	Expires   string // of the access token
	Expired   bool

	IDToken      tokenView
	AccessToken  tokenView
	RefreshToken string
	UserInfo     []jsonLine
}

func (a *App) home(w http.ResponseWriter, r *http.Request) error {
	page := homePage{Notice: a.Notice, Issuer: a.Issuer, ClientID: ClientID, Scopes: strings.Join(scopes, " ")}
	if current := a.sessions.find(r); current != nil {
		current.mu.Lock()
		defer current.mu.Unlock()
		if current.user != nil {
			if err := page.fill(current.user, a.Now()); err != nil {
				return err
			}
		}
	}
	return render(w, http.StatusOK, appHomePage(page))
}

func (p *homePage) fill(who *user, now time.Time) error {
	var claims struct {
		Name    string `json:"preferred_username"`
		Network string `json:"near_network"`
	}
	if err := who.idToken.Claims(&claims); err != nil {
		return err
	}
	p.Account, p.Network = claims.Name, claims.Network
	if p.Account == "" {
		p.Account = who.idToken.Subject
	}
	p.SignedIn, p.Refreshes = clock(who.signedIn), who.refreshes
	p.Expires, p.Expired = clock(who.token.Expiry), !now.Before(who.token.Expiry)
	p.IDToken, p.AccessToken = viewToken(who.rawID), viewToken(who.token.AccessToken)
	p.RefreshToken = who.token.RefreshToken
	p.UserInfo = viewJSON(who.userInfo)
	return nil
}

func (p homePage) title() string {
	if p.Account == "" {
		return "Demo application"
	}
	return p.Account + " · Demo application"
}

// refreshed says how often the tokens were.
func (p homePage) refreshed() string {
	switch p.Refreshes {
	case 0:
		return ""
	case 1:
		return ", refreshed once"
	}
	return fmt.Sprintf(", refreshed %d times", p.Refreshes)
}

func (p homePage) good() string {
	if p.Expired {
		return "was good"
	}
	return "good"
}

func clock(t time.Time) string { return t.Local().Format("15:04:05") }

// A tokenView is a JWT taken apart. A token that is none has only Raw.
type tokenView struct {
	Raw             string
	Parts           []string // header, payload and signature as they were sent
	Header, Payload []jsonLine
}

func viewToken(raw string) tokenView {
	view := tokenView{Raw: raw}
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return view
	}
	decode := func(part string) []jsonLine {
		text, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			return nil
		}
		return viewJSON(text)
	}
	view.Header, view.Payload = decode(parts[0]), decode(parts[1])
	if view.Header != nil && view.Payload != nil {
		view.Parts = parts
	}
	return view
}

// A jsonLine is one line of JSON, in pieces that are coloured differently.
type jsonLine struct {
	Depth int    // of the nesting; at most 3
	Name  string // with its quotes; empty in arrays and for brackets
	Value string
	Comma string
	Note  string // a time in words
}

var memberLine = regexp.MustCompile(`^( *)(?:("(?:[^"\\]|\\.)*"): )?(.*?)(,?)$`)

// times are the claims that count seconds since 1970.
var times = []string{`"exp"`, `"iat"`, `"nbf"`, `"auth_time"`, `"updated_at"`}

// viewJSON returns text indented, or nil if it is not JSON.
func viewJSON(text []byte) []jsonLine {
	var out bytes.Buffer
	if json.Indent(&out, text, "", "  ") != nil {
		return nil
	}
	var lines []jsonLine
	for text := range strings.Lines(out.String()) {
		m := memberLine.FindStringSubmatch(strings.TrimSuffix(text, "\n"))
		line := jsonLine{Depth: min(len(m[1])/2, 3), Name: m[2], Value: m[3], Comma: m[4]}
		if seconds, err := strconv.ParseInt(line.Value, 10, 64); err == nil && slices.Contains(times, line.Name) {
			line.Note = clock(time.Unix(seconds, 0))
		}
		lines = append(lines, line)
	}
	return lines
}
