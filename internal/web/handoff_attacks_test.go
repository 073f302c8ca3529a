package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// S04: whoever is sent somebody else's code, and even signs, gives nothing away without a number
// that only the sender's screen shows; the wrong one ends it (quishing).
func TestQuishingFailsWithoutTheNumber(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	attacker, victim := p.browser(), p.browser()
	h := attacker.handOver()
	c, numbers := victim.prove(h.code)
	for _, form := range []url.Values{{}, {"number": {""}}, {"number": {"x"}}, {"number": {"4 2"}}} {
		if r := victim.postForm(c.path+"/number", form); r.status != http.StatusBadRequest {
			t.Errorf("%v: %d", form, r.status)
		}
	}
	match := h.number()
	wrong := numbers[(slices.Index(numbers, match)+1)%3]
	if end := victim.picks(c, url.Values{"number": {wrong}}); !strings.Contains(end.body, "refused") {
		t.Errorf("%s", end.body)
	}
	if end := victim.picks(c, url.Values{"number": {match}}); !strings.Contains(end.body, "refused") {
		t.Errorf("picked again: %s", end.body)
	}
	if h.state() != "refused" || attacker.isSignedIn() || h.number() != "" {
		t.Errorf("%s", h.state())
	}
	// The attacker can neither pick for the victim, nor take the victim's login over.
	h = attacker.handOver()
	c, _ = victim.prove(h.code)
	for name, r := range map[string]reply{
		"picks":          attacker.postForm(c.path+"/number", url.Values{"number": {h.number()}}),
		"looks":          attacker.send("GET", "/continue/"+c.LoginID, ""),
		"forges a press": victim.postForm(c.path+"/number", url.Values{"number": {h.number()}}, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"),
	} {
		if r.status != http.StatusForbidden {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	if h.state() != "proven" || attacker.isSignedIn() {
		t.Errorf("%s", h.state())
	}
}

// S04: a number is picked once, however many requests try all three at the same time.
func TestNumbersCannotBeTriedAtOnce(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	allowed := 0
	for range 4 {
		desktop, phone := p.browser(), p.browser()
		h := desktop.handOver()
		c, numbers := phone.prove(h.code)
		var group sync.WaitGroup
		for range 4 {
			for _, n := range numbers {
				group.Go(func() { phone.postForm(c.path+"/number", url.Values{"number": {n}}) })
			}
		}
		group.Wait()
		if h.state() == "done" {
			allowed++
		}
	}
	var picks int
	must(t, p.pool.QueryRow(t.Context(), `SELECT count(*) FROM audit_events WHERE type IN ('handoff.allowed', 'handoff.denied')`).Scan(&picks))
	if picks != 4 {
		t.Errorf("%d decisions for 4 codes, %d of them allowed", picks, allowed)
	}
}

// S04: the page that waits, its number and its end belong to the browser that began.
func TestAnotherBrowserCannotWait(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	desktop, phone, thief := p.browser(), p.browser(), p.browser()
	h := desktop.handOver()
	c, _ := phone.prove(h.code)
	match := h.number()
	phone.picks(c, url.Values{"number": {match}})
	for name, b := range map[string]*browser{"phone": phone, "thief": thief} {
		for _, accept := range []string{"text/html", "application/json"} {
			if r := b.send("GET", h.page, "", "Accept", accept); r.status != http.StatusForbidden || strings.Contains(r.body, ">"+match+"<") {
				t.Errorf("%s: %d %s", name, r.status, r.body)
			}
		}
		if r := b.postForm(h.page, nil); r.status != http.StatusForbidden {
			t.Errorf("%s hands over: %d", name, r.status)
		}
		if b.isSignedIn() {
			t.Errorf("the %s is signed in", name)
		}
	}
	// A login begun through the API is nobody's to wait with.
	begun := thief.postJSON("/api/auth/initiate-login", map[string]string{}).json(t)
	if r := thief.postForm("/login/"+begun["login_id"].(string)+"/phone", nil); r.status != http.StatusForbidden {
		t.Errorf("begun through the API: %d %s", r.status, r.body)
	}
}

// S04: a code is good for one browser, and the next one's person is told so.
func TestCodeThatWasTakenIsToldOf(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	desktop, phone, other := p.browser(), p.browser(), p.browser()
	h := desktop.handOver()
	c := phone.open(h.code)
	if h.state() != "taken" {
		t.Errorf("%s", h.state())
	}
	if r := other.send("GET", h.code, ""); r.status != http.StatusConflict || !strings.Contains(r.body, "opened elsewhere") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := other.postForm(h.code, nil); r.status != http.StatusSeeOther || r.header.Get("Location") != h.code {
		t.Errorf("%d %v", r.status, r.header)
	}
	if r := phone.send("GET", h.code, ""); r.header.Get("Location") != "/continue/"+c.LoginID { // reloaded
		t.Errorf("%d %v", r.status, r.header)
	}
	// A new code makes the old one useless, whoever took it.
	fresh := desktop.handOverLogin(strings.TrimSuffix(h.page, "/phone"))
	if fresh.code == h.code || fresh.page == h.page {
		t.Error("the same code again")
	}
	if r := phone.postJSON(c.path+"/verify", answer(p.alice, c)); r.status != http.StatusGone {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := phone.send("GET", c.path, ""); r.header.Get("Location") != "/continue/"+c.LoginID {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := phone.send("GET", "/continue/"+c.LoginID, ""); !strings.Contains(r.body, "The other screen was refused") {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, invented := range []string{"/d/" + strings.Repeat("A", 26), "/d/x", "/d/" + strings.ToLower(h.code[3:]), "/d/" + strings.Repeat("A", 2000), "/d/%00"} {
		if r := other.send("GET", invented, ""); r.status != http.StatusGone && r.status != http.StatusNotFound {
			t.Errorf("%.40s: %d", invented, r.status)
		}
		if r := other.postForm(invented, nil); r.status != http.StatusGone && r.status != http.StatusNotFound {
			t.Errorf("%.40s: %d", invented, r.status)
		}
	}
	if r := phone.postForm(fresh.code, nil, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); r.status != http.StatusForbidden || fresh.state() != "open" {
		t.Errorf("taken by a page elsewhere: %d", r.status)
	}
}

// S04: a refusal on the phone, before or after the signature, is the end.
func TestPhoneRefuses(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for name, refuse := range map[string]func(phone *browser, code string) reply{
		"before it takes the code": func(phone *browser, code string) reply { return phone.postForm(code, url.Values{"decision": {"deny"}}) },
		"on the login page":        func(phone *browser, code string) reply { return phone.press(phone.open(code).path+"/cancel", nil) },
		"at the number": func(phone *browser, code string) reply {
			c, _ := phone.prove(code)
			return phone.picks(c, url.Values{"decision": {"deny"}})
		},
	} {
		desktop := p.browser()
		h := desktop.handOver()
		if r := refuse(p.browser(), h.code); r.status != http.StatusOK || !strings.Contains(r.body, "The other screen was refused") {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
		if h.state() != "refused" || desktop.isSignedIn() {
			t.Errorf("%s: %s", name, h.state())
		}
		if page := desktop.send("GET", h.page, ""); !strings.Contains(page.body, "Refused on the other device") || strings.Contains(page.body, "http-equiv") {
			t.Errorf("%s: %s", name, page.body)
		}
		// The login itself goes on, on this device or with a new code.
		c := desktop.challengeOf(strings.TrimSuffix(strings.TrimPrefix(h.page, "/login/"), "/phone"))
		if r := desktop.postJSON(c.path+"/verify", answer(p.alice, c)); r.status != http.StatusOK {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}
