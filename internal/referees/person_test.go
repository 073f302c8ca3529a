package referees

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/neartest"
)

// A person has an account and a browser, which runs no scripts.
type person struct {
	*testing.T
	site   *site
	kind   kind
	wallet *neartest.Wallet
	http   *http.Client
}

// person opens a new browser for the one with this kind of account.
func (s *site) person(t *testing.T, k kind) *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t, s, k, s.wallets[k], &http.Client{Jar: jar, Transport: s.http.Transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}
}

// groups are those that applications are told.
func (p *person) groups() []string { return memberships[p.kind] }

// A page is what the browser shows in the end, with the addresses it came by.
type page struct {
	*http.Response
	body  string
	trail []string
}

// open goes to an address and follows every redirect. At the pages of the
// provider it has the wallet sign, and allows what the application wants.
func (p *person) open(address string) *page {
	p.Helper()
	return p.follow(p.send(http.MethodGet, address, ""))
}

// follow goes where an answer leads.
func (p *person) follow(at *page) *page {
	p.Helper()
	var trail []string
	for range 30 {
		here := at.Request.URL.String()
		trail = append(trail, here)
		to, err := at.Location()
		onward := refresh.FindStringSubmatch(at.body)
		switch {
		case err == nil:
			at = p.send(http.MethodGet, to.String(), "")
		case onward != nil:
			at = p.send(http.MethodGet, html.UnescapeString(onward[1]), "")
		case strings.HasPrefix(here, p.site.issuer+"/login/"):
			at = p.send(http.MethodGet, p.sign(here), "")
		case strings.HasPrefix(here, p.site.issuer+"/consent/"):
			at = p.submit(here, url.Values{"decision": {"allow"}})
		default:
			at.trail = trail
			return at
		}
	}
	p.Fatalf("led in circles: %q", trail)
	return nil
}

// sign answers the challenge of a login page, and returns where to go then.
func (p *person) sign(login string) string {
	p.Helper()
	var asked struct {
		Message, Recipient string
		Nonce              [32]byte `json:"nonce_bytes"`
	}
	at := p.send(http.MethodGet, login, "", "Accept", "application/json")
	if err := json.Unmarshal([]byte(at.body), &asked); err != nil {
		p.Fatalf("%s: %s %s", login, at.Status, at.body)
	}
	answer, err := json.Marshal(map[string]string{
		"account_id": p.wallet.AccountID, "public_key": p.wallet.PublicKey(),
		"signature": p.wallet.Sign(asked.Message, asked.Nonce, asked.Recipient, nil),
	})
	if err != nil {
		p.Fatal(err)
	}
	at = p.send(http.MethodPost, login+"/verify", string(answer), "Content-Type", "application/json")
	var approved struct {
		To string `json:"redirect_to"`
	}
	if err := json.Unmarshal([]byte(at.body), &approved); err != nil || approved.To == "" {
		p.Fatalf("%s/verify: %s %s", login, at.Status, at.body)
	}
	return approved.To
}

// refresh is how a page leads on without a script.
var refresh = regexp.MustCompile(`<meta http-equiv="refresh" content="0; url=([^"]*)"`)

// submit sends a form and returns the answer.
func (p *person) submit(address string, form url.Values) *page {
	p.Helper()
	return p.send(http.MethodPost, address, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// signed reports whether the wallet had to sign on the way to a page.
func (p *person) signed(at *page) bool {
	return slices.ContainsFunc(at.trail, func(address string) bool { return strings.HasPrefix(address, p.site.issuer+"/login/") })
}

// send sends one request and follows nothing; header holds names and values in turn.
func (p *person) send(method, address, body string, header ...string) *page {
	p.Helper()
	request, err := http.NewRequestWithContext(p.Context(), method, address, strings.NewReader(body))
	if err != nil {
		p.Fatal(err)
	}
	request.Header.Set("Accept", "text/html")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := p.http.Do(request)
	if err != nil {
		p.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.Fatal(err)
	}
	return &page{Response: response, body: string(text)}
}
