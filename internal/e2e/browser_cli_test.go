package e2e

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"testing"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestNEARCLI signs on the command line, with JavaScript and without.
func TestNEARCLI(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	for name, c := range map[string]struct {
		script bool
		test   func(b *profile, field string)
	}{
		"what the CLI printed signs in":                          {true, pasted},
		"what the CLI printed signs in without JavaScript":       {false, pasted},
		"rubbish is refused in words":                            {true, pastedRubbish},
		"rubbish is refused in words without JavaScript":         {false, pastedRubbish},
		"somebody else's key is refused":                         {true, pastedWrongKey},
		"somebody else's key is refused without JavaScript":      {false, pastedWrongKey},
		"without JavaScript cancel tells the application":        {false, cancelledWithoutScript},
		"without JavaScript no button is shown that needs it":    {false, onlyWhatWorks},
		"without JavaScript the callback says what can be done":  {false, callbackWithoutScript},
		"a field that is left empty is not sent":                 {true, pastedNothing},
		"the command is copied and its button says so to people": {true, copied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, field := newProfile(t, p), "#cli"
			if !c.script {
				b.first.withoutScript()
				field = "#cli-noscript"
			}
			c.test(b, field)
		})
	}
}

// TestPastedSignatureSurvivesAnOutageOfTheChain posts it again by a button, with no script.
func TestPastedSignatureSurvivesAnOutageOfTheChain(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	b := newProfile(t, s.serve())
	b.first.withoutScript()
	q := b.first.start()
	s.chain.SetMode(neartest.Down500)
	b.first.paste("#cli-noscript", b.first.printed(b.signer))
	b.first.says("The NEAR network is not answering")
	b.first.examine()
	s.chain.SetMode(neartest.OK)
	// A provider that failed is left out for a while, so once may not be enough.
	b.first.until(`!window.clicked && (window.clicked = true, document.querySelector("[data-act=retry-paste]")?.click()), location.origin === ` + quoted(b.app.origin))
	b.signedIn(q)
}

// withoutScript turns JavaScript off in the pages.
func (w *window) withoutScript() {
	w.Helper()
	w.must(call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
}

// start is begin where no script says that the page is ready.
func (w *window) start() request {
	w.Helper()
	q := newRequest("spa", "openid profile")
	q.redirectURI = w.app.origin + "/callback"
	w.visit("/authorize?" + q.form().Encode())
	w.until(`document.readyState === "complete" && document.querySelector("main")`)
	w.examine()
	return q
}

var cliCommand = regexp.MustCompile(`^near message sign-nep413 utf8 '([^']+)' nonce '([^']+)' recipient '([^']+)'$`)

// printed is what the NEAR CLI prints for the command that the page shows.
func (w *window) printed(signer *neartest.Wallet) string {
	w.Helper()
	w.until(`document.readyState === "complete" && document.querySelector("[data-command]")`)
	command := value[string](w, `document.querySelector("[data-command]").textContent`)
	m := cliCommand.FindStringSubmatch(command)
	if m == nil {
		w.Fatalf("the command is %q", command)
	}
	var nonce [32]byte
	if n, err := base64.StdEncoding.Decode(nonce[:], []byte(m[2])); err != nil || n != len(nonce) {
		w.Fatalf("the nonce is %q", m[2])
	}
	return fmt.Sprintf("\x1b[1mSignature:\x1b[0m\r\n{\r\n  \"accountId\": %q,\r\n  \"publicKey\": %q,\r\n  \"signature\": %q\r\n}\r\n$ ",
		signer.AccountID, signer.PublicKey(), signer.SignBase58(m[1], nonce, m[3], nil))
}

// paste puts text into the field, opening what hides it, and sends it.
func (w *window) paste(field, text string) {
	w.Helper()
	w.reveal(field)
	w.must(chromedp.Evaluate[chromedp.Void](`document.querySelector("` + field + `").value = ` + quoted(text)))
	w.click("form:has(" + field + ") button")
}

func (w *window) reveal(field string) {
	w.Helper()
	if !value[bool](w, `document.querySelector("`+field+`").checkVisibility()`) {
		w.click("details:has(" + field + ") summary")
		w.until(`document.querySelector("` + field + `").checkVisibility()`)
	}
}

func pasted(b *profile, field string) {
	q := b.first.start()
	b.first.paste(field, b.first.printed(b.signer))
	b.signedIn(q)
	b.first.at(b.app.origin + "/callback")
}

func pastedRubbish(b *profile, field string) {
	q := b.first.start()
	b.first.paste(field, "zsh: command not found: near { }")
	b.first.says("No signature could be read")
	b.first.examine()
	b.first.press("again")
	b.first.until(`document.querySelector("` + field + `") && location.pathname.startsWith("/login/") && !document.body.innerText.includes("No signature")`)
	b.first.paste(field, b.first.printed(b.signer))
	b.signedIn(q)
}

func pastedWrongKey(b *profile, field string) {
	b.first.start()
	b.first.paste(field, b.first.printed(neartest.NewWallet(b.signer.AccountID)))
	b.first.says("is not a key of " + b.signer.AccountID)
	b.first.examine()
}

func pastedNothing(b *profile, field string) {
	b.first.start()
	b.first.paste(field, "")
	b.first.until(`document.activeElement === document.querySelector("` + field + `")`)
}

func cancelledWithoutScript(b *profile, _ string) {
	q := b.first.start()
	b.first.click("[data-act=cancel]")
	b.refused(q, "access_denied")
}

func onlyWhatWorks(b *profile, field string) {
	b.first.start()
	b.first.says("Wallets need JavaScript")
	if got := value[string](b.first, `[...document.querySelectorAll("button, summary")].filter((b) => b.checkVisibility()).map((b) => b.textContent.trim()).join("; ")`); got != "Use your phone; Sign in; Cancel and return to Notes; Language:English" {
		b.Errorf("shown: %s", got)
	}
	if !value[bool](b.first, `document.querySelector("`+field+`").checkVisibility()`) {
		b.Error("the field is hidden")
	}
}

func callbackWithoutScript(b *profile, _ string) {
	b.first.start()
	b.first.visit(b.first.location() + "/cb#accountId=a&signature=b&")
	b.first.says("JavaScript is off")
	b.first.examine()
	b.first.click("main .is-primary")
	b.first.says("Wallets need JavaScript")
}

func copied(b *profile, field string) {
	b.first.begin()
	b.first.must(chromedp.Evaluate[chromedp.Void](`navigator.clipboard.writeText = async (text) => { window.copied = text }`))
	b.first.reveal(field)
	b.first.press("copy")
	b.first.until(`window.copied === document.querySelector("[data-command]").textContent`)
	b.first.until(`document.querySelector("[role=status]").textContent === "Copied"`)
}
