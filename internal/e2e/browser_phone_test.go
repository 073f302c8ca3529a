package e2e

import (
	"strings"
	"testing"

	"near-idp/internal/pgtest"

	"github.com/chromedp/cdproto/emulation"
)

// onPhone opens the address of the QR code in another profile, signs there, and returns the
// phone's window at the numbers.
func (w *window) onPhone(phone *profile) *window {
	w.Helper()
	address := value[string](w, `document.querySelector(".signed").textContent`)
	phone.signer = w.signer
	phone.first.phone()
	phone.first.installs("nightly")
	phone.first.visit(address)
	phone.first.says("Another device asks to be signed in to")
	phone.first.readable("phone-asked")
	phone.first.phone()
	phone.first.click(".choice button:not([name])")
	phone.first.shows("choose")
	return phone.first
}

func (w *window) signsOnPhone() {
	w.Helper()
	w.choose("nightly")
	w.says("Which number does the other screen show?")
	w.examine()
}

// S04: a desktop without a script waits by loading its page again, one with a script by asking;
// both go on when the number was picked on the phone.
func TestPhoneSignsInADesktop(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	for name, script := range map[string]bool{"with JavaScript": true, "without JavaScript": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			desktop, phone := newProfile(t, p), newProfile(t, p)
			w := desktop.first
			var q request
			if script {
				q = w.begin()
			} else {
				w.withoutScript()
				q = w.start()
			}
			w.click(`form[action$="/phone"] button`)
			w.says("Scan this with your phone")
			if script {
				w.readable("phone-code")
			}
			there := w.onPhone(phone)
			w.says("Sign in on your phone")
			if script {
				w.readable("phone-taken")
			}
			there.signsOnPhone()
			w.says("Pick this number on your phone")
			if script {
				w.readable("phone-number")
				there.readable("phone-pick")
				there.phone()
			}
			number := value[string](w, `document.querySelector(".match").textContent`)
			there.click(`button[value="` + number + `"]`)
			there.says("Your other screen is signed in")
			desktop.signedIn(q)
			if script {
				there.readable("phone-done")
			}
		})
	}
}

// S04: a wrong number ends it on both screens, and a new code begins anew.
func TestWrongNumberIsRefusedOnBothScreens(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	desktop, phone := newProfile(t, p), newProfile(t, p)
	w := desktop.first
	w.begin()
	w.click(`form[action$="/phone"] button`)
	w.says("Scan this with your phone")
	first := value[string](w, `document.querySelector(".signed").textContent`)
	there := w.onPhone(phone)
	there.signsOnPhone()
	w.says("Pick this number on your phone")
	number := value[string](w, `document.querySelector(".match").textContent`)
	there.click(`button[name="number"]:not([value="` + number + `"])`)
	there.says("The other screen was refused")
	w.says("Refused on the other device")
	w.readable("phone-refused")
	w.click(`form[action$="/phone"] button`)
	w.says("Scan this with your phone")
	if again := value[string](w, `document.querySelector(".signed").textContent`); again == first || !strings.HasPrefix(again, p.issuer+"/d/") {
		t.Errorf("the code %s after %s", again, first)
	}
}

// The code is black on white in forced colours, too, and fits the smallest screen.
func TestQRCodeIsReadableInForcedColours(t *testing.T) {
	t.Parallel()
	b := newProfile(t, newSite(t, pgtest.DSN(t)).serve())
	w := b.first
	w.begin()
	w.click(`form[action$="/phone"] button`)
	w.says("Scan this with your phone")
	w.forcedColours()
	w.size(320, 640)
	if colours := value[string](w, `["rect", "path"].map((n) => getComputedStyle(document.querySelector(".qr " + n)).fill).join()`); colours != "rgb(255, 255, 255),rgb(0, 0, 0)" {
		t.Errorf("the code is %s", colours)
	}
	if width := value[float64](w, `document.querySelector(".qr").getBoundingClientRect().width`); width < 200 || width > 288 {
		t.Errorf("the code is %f px wide", width)
	}
	w.picture("phone-code-forced")
}

// forcedColours has the window use the colours of a high-contrast theme.
func (w *window) forcedColours() {
	w.Helper()
	w.must(call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "forced-colors", Value: "active"}, {Name: "prefers-color-scheme", Value: "dark"},
	}}))
}
