package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
)

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// A device is one that has begun to sign a person in, and what it was told.
type device struct {
	*browser
	client, code, userCode string
	match                  string
}

func (p *provider) device(client, scope string) *device {
	p.t.Helper()
	d := &device{browser: p.browser(), client: client}
	r := d.postForm("/device_authorization", url.Values{"client_id": {client}, "scope": {scope}}, "User-Agent", "telly/1.0 <script>")
	answer := r.json(p.t)
	d.code, _ = answer["device_code"].(string)
	d.userCode, _ = answer["user_code"].(string)
	if n, ok := answer["idp_match_number"].(float64); ok {
		d.match = fmt.Sprint(n)
	}
	if r.status != http.StatusOK || r.header.Get("Cache-Control") != "no-store" || answer["verification_uri"] != p.issuer+"/device" ||
		answer["verification_uri_complete"] != p.issuer+"/device?user_code="+d.userCode || answer["expires_in"] != 600.0 || answer["interval"] != 5.0 {
		p.t.Fatalf("device authorization: %d %s", r.status, r.body)
	}
	return d
}

// poll asks for the tokens, as if the interval were over.
func (d *device) poll() reply {
	d.t.Helper()
	d.exec("UPDATE device_requests SET polled_at = polled_at - interval '10 minutes'")
	return d.pollNow()
}

func (d *device) pollNow() reply {
	d.t.Helper()
	return d.postForm("/token", url.Values{"grant_type": {deviceGrant}, "device_code": {d.code}, "client_id": {d.client}})
}

// refused polls and wants this error.
func (d *device) refused(code string) {
	d.t.Helper()
	r := d.poll()
	if r.status != http.StatusBadRequest || r.json(d.t)["error"] != code || r.header.Get("Cache-Control") != "no-store" {
		d.t.Errorf("poll: %d %s, want %s", r.status, r.body, code)
	}
}

func (p *provider) exec(sql string, args ...any) {
	p.t.Helper()
	_, err := p.pool.Exec(p.t.Context(), sql, args...)
	must(p.t, err)
}

// enter types a user code and returns where that leads.
func (b *browser) enter(code string, more ...string) string {
	b.t.Helper()
	form := url.Values{"user_code": {code}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	r := b.postForm("/device", form)
	to := r.header.Get("Location")
	if r.status != http.StatusSeeOther || !strings.HasPrefix(to, "/device/") {
		b.t.Fatalf("enter %q: %d %s", code, r.status, r.body)
	}
	return to
}

// signInFor goes from a user code to the page that asks for the decision, and returns its path.
func (b *browser) signInFor(code string) (consent string) {
	b.t.Helper()
	id := strings.TrimPrefix(b.enter(code), "/device/")
	c := b.challengeOf(id)
	r := b.postJSON("/login/"+id+"/verify", answer(b.alice, c))
	if to, _ := r.json(b.t)["redirect_to"].(string); r.status != http.StatusOK || to != b.issuer+"/consent/"+id {
		b.t.Fatalf("verify: %d %s", r.status, r.body)
	}
	return "/consent/" + id
}

func (b *browser) press(consent string, form url.Values) reply {
	b.t.Helper()
	r := b.postForm(consent, form)
	if r.status != http.StatusSeeOther {
		b.t.Fatalf("decide %v: %d %s", form, r.status, r.body)
	}
	return b.send("GET", r.header.Get("Location"), "")
}

func TestDeviceIsSignedInByAnotherBrowser(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	d := p.device("tv", "openid profile offline_access unknown")
	d.refused("authorization_pending")

	person := p.browser()
	page := person.send("GET", "/device?user_code="+d.userCode, "")
	if page.status != http.StatusOK || !strings.Contains(page.body, `value="`+d.userCode+`"`) {
		t.Fatalf("%d %s", page.status, page.body)
	}
	to := person.enter(strings.ToLower(strings.ReplaceAll(d.userCode, "-", " ")))
	page = person.send("GET", to, "")
	for _, want := range []string{d.userCode, "Tele &lt;b&gt;Vision", "127.0.0.1", "telly/1.0 &lt;script&gt;", "a moment ago", "Keep you signed in"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q: %s", want, page.body)
		}
	}
	d.refused("authorization_pending")
	consent := person.signInFor(d.userCode)
	d.refused("authorization_pending") // first-party or not, signing in is not yet allowing
	page = person.send("GET", consent, "")
	if page.status != http.StatusOK || !strings.Contains(page.body, "alice.testnet") || !strings.Contains(page.body, d.userCode) {
		t.Fatalf("%d %s", page.status, page.body)
	}
	end := person.press(consent, url.Values{"decision": {"allow"}})
	if end.status != http.StatusOK || !strings.Contains(end.body, "Your device is signed in") {
		t.Errorf("%d %s", end.status, end.body)
	}

	r := d.poll()
	tokens := r.json(t)
	if r.status != http.StatusOK || tokens["scope"] != "openid profile offline_access" || tokens["id_token"] == nil || tokens["refresh_token"] == nil {
		t.Fatalf("%d %s", r.status, r.body)
	}
	info := d.send("GET", "/userinfo", "", "Authorization", "Bearer "+tokens["access_token"].(string))
	if info.status != http.StatusOK || info.json(t)["sub"] != "alice.testnet" {
		t.Errorf("userinfo: %d %s", info.status, info.body)
	}
	d.refused("invalid_grant") // single use
	if r := person.postForm(consent, url.Values{"decision": {"allow"}}); r.status != http.StatusSeeOther {
		t.Errorf("pressed twice: %d %s", r.status, r.body)
	}
}

// Of many polls at once, when the person has allowed it, one gets the tokens.
func TestDeviceCodeIsSpentOnce(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	d := p.device("tv", "openid")
	person := p.browser()
	person.press(person.signInFor(d.userCode), url.Values{"decision": {"allow"}})
	var group sync.WaitGroup
	won := make(chan string, 20)
	for range 20 {
		group.Go(func() {
			if r := d.pollNow(); r.status == http.StatusOK {
				won <- r.body
			} else if code := r.json(t)["error"]; code != "invalid_grant" && code != "slow_down" {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	group.Wait()
	if len(won) != 1 {
		t.Errorf("%d of 20 polls got tokens", len(won))
	}
}

func TestDevicePollsAreSlowedDown(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	d := p.device("tv", "openid")
	d.pollNow()
	for range 2 {
		if code := d.pollNow().json(t)["error"]; code != "slow_down" {
			t.Errorf("polled at once: %v", code)
		}
	}
	var interval int
	must(t, p.pool.QueryRow(t.Context(), "SELECT interval_s FROM device_requests").Scan(&interval))
	if interval != 15 {
		t.Errorf("the interval is %d s", interval)
	}
	p.exec("UPDATE device_requests SET polled_at = now() - interval '10 seconds'") // enough for 5, not for 15
	if code := d.pollNow().json(t)["error"]; code != "slow_down" {
		t.Errorf("polled after ten seconds: %v", code)
	}
}

// Two people cannot both be the one who is signed in, nor can one take a decision back.
func TestDeviceIsDecidedOnce(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	d := p.device("tv", "openid")
	first, second := p.browser(), p.browser()
	a, b := first.signInFor(d.userCode), second.signInFor(d.userCode)
	second.press(b, url.Values{"decision": {"deny"}})
	if r := first.postForm(a, url.Values{"decision": {"allow"}}); r.status != http.StatusGone || !strings.Contains(r.body, `href="/device"`) {
		t.Errorf("allowed after it was refused: %d %s", r.status, r.body)
	}
	d.refused("access_denied")
}

func TestDeviceIsRefusedBeforeSigningIn(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	d := p.device("tv", "openid")
	person := p.browser()
	id := strings.TrimPrefix(person.enter(d.userCode), "/device/")
	end := person.press("/login/"+id+"/cancel", nil)
	if !strings.Contains(end.body, "refused") {
		t.Errorf("%s", end.body)
	}
	d.refused("access_denied")
	if r := person.postForm("/device", url.Values{"user_code": {d.userCode}}); r.status != http.StatusNotFound {
		t.Errorf("the code still works: %d", r.status)
	}
}

// One guess of three, and no more.
func TestDeviceWithNumberIsAllowedByThatNumberAlone(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	numbers := regexp.MustCompile(`name="number" value="(\d\d)"`)
	shown := func(person *browser, consent string) (list []string) {
		for _, match := range numbers.FindAllStringSubmatch(person.send("GET", consent, "").body, -1) {
			list = append(list, match[1])
		}
		return list
	}
	d, person := p.device("cli", "openid"), p.browser()
	consent := person.signInFor(d.userCode)
	list := shown(person, consent)
	if len(list) != 3 || !strings.Contains(strings.Join(list, " "), d.match) {
		t.Fatalf("%v without %s", list, d.match)
	}
	for _, form := range []url.Values{{"decision": {"allow"}}, {"number": {""}}, {"number": {"x"}}, {}} {
		if r := person.postForm(consent, form); r.status != http.StatusBadRequest {
			t.Errorf("%v: %d", form, r.status)
		}
	}
	d.refused("authorization_pending")
	if end := person.press(consent, url.Values{"number": {d.match}}); !strings.Contains(end.body, "is signed in") {
		t.Errorf("%s", end.body)
	}
	if r := d.poll(); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}

	d, person = p.device("cli", "openid"), p.browser()
	consent = person.signInFor(d.userCode)
	for _, n := range shown(person, consent) {
		if n != d.match {
			if end := person.press(consent, url.Values{"number": {n}}); !strings.Contains(end.body, "refused") {
				t.Errorf("%s", end.body)
			}
			break
		}
	}
	person.postForm(consent, url.Values{"number": {d.match}}) // too late
	d.refused("access_denied")
}

// The session stands in for the signature, never for the decision.
func TestSessionDoesNotAllowDevicesByItself(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	person := p.browser()
	first := p.device("tv", "openid")
	person.press(person.signInFor(first.userCode), url.Values{"decision": {"allow"}})
	second := p.device("tv", "openid")
	id := strings.TrimPrefix(person.enter(second.userCode), "/device/")
	second.refused("authorization_pending")
	if r := person.send("GET", "/continue/"+id, ""); r.header.Get("Location") != "/consent/"+id {
		t.Errorf("%d %v", r.status, r.header)
	}
	second.refused("authorization_pending")
	// "Use another account" asks for a signature again.
	other := strings.TrimPrefix(person.enter(second.userCode, "another", "1"), "/device/")
	if r := person.send("GET", "/device/"+other, ""); r.status != http.StatusOK {
		t.Errorf("%d %v", r.status, r.header)
	}
	person.press("/consent/"+id, url.Values{"decision": {"allow"}})
	if r := second.poll(); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
}
