package templates

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
)

const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2) style="x">'` + "`" + `{{.}}`

func login(text string) Login {
	return Login{
		Page: Page{
			Brand: text, Title: text, StyleURL: "/static/style.css", ScriptURL: "/static/login.js",
			IconURL: "/static/icons/provider.svg", Notice: text, RequestID: text,
			Accent: text, Operator: Operator{LogoURL: "/icons/x.svg", Color: text, SupportURL: text, PrivacyURL: text, TermsURL: text},
		},
		Challenge: Challenge{
			LoginID: text, Message: text, NonceBase64: "AAAA", Recipient: text, State: text, CallbackURL: text,
			Network: "testnet", ShortCode: text, ExpiresIn: 5 * time.Minute,
		},
		ClientName: text, Mark: Mark{Name: text, Color: text}, ClientHost: text, IssuerHost: text, LoginHint: text,
		Wallets: []Wallet{
			{ID: text, Name: text, Kind: WalletPopup, URL: text, IconURL: "/static/icons/wallet.svg"},
			{ID: "hot", Name: text, Kind: WalletInjected, IconURL: "/static/icons/hot.svg"},
			{ID: "ledger", Name: text, Kind: WalletLedger, URL: "/static/ledger.js", IconURL: "/static/icons/ledger.svg"},
		},
		LoginURL: "/login/x", VerifyURL: "/login/x/verify", PasteURL: "/login/x/paste", RenewURL: "/login/x/renew", CancelURL: "/login/x/cancel",
		CLICommand: text, Error: text, Account: text, Pasted: text,
	}
}

func callback(text string) Callback {
	l := login(text)
	return Callback{
		Page: l.Page, LoginID: text, ClientName: text, IssuerHost: text, Network: text,
		LoginURL: l.LoginURL, VerifyURL: l.VerifyURL, RenewURL: l.RenewURL, CancelURL: l.CancelURL,
	}
}

// pages is every page, with the same text wherever a text can be.
func pages(text string) map[string]templ.Component {
	l := login(text)
	all := map[string]templ.Component{
		"login":            LoginPage(l),
		"callback":         CallbackPage(callback(text)),
		"continue":         ContinuePage(Continue{Page: l.Page, To: "https://app.example/cb?code=1&x=" + text, ClientName: text}),
		"continue refused": ContinuePage(Continue{Page: l.Page, To: "javascript:alert(1)//" + text, ClientName: text}),
		"consent": ConsentPage(Consent{
			Page: l.Page, ClientName: text, Mark: l.Mark, ClientHost: text, Links: Links{PolicyURL: text, TermsURL: text}, Account: text, Network: "testnet",
			Scopes: []string{text}, Resources: []string{text}, Remembered: true, DecideURL: "/consent/x", AgainURL: "/authorize", AccountURL: "/account",
		}),
		"device": DevicePage(Device{
			Page: l.Page, ClientName: text, Mark: l.Mark, Links: Links{PolicyURL: text, TermsURL: text}, UserCode: text, Asker: Asker{Address: text, Agent: text, Asked: text},
			Scopes: []string{text}, Resources: []string{text}, NextURL: "/login/x", CancelURL: "/login/x/cancel",
		}),
		"logout": LogoutPage(Logout{
			Page: l.Page, Mark: l.Mark, Account: text, Network: "testnet", LogoutURL: "/logout", CancelURL: "/",
			ClientID: text, RedirectURI: text, State: text,
		}),
		"message": MessagePage(Message{
			Page: l.Page, Tone: ToneError, Heading: text, Text: text, Detail: text, ActionURL: "/x", ActionText: text,
		}),
	}
	asker := Asker{Address: text, Agent: text, Asked: text, Elsewhere: true}
	all["handoff"] = HandoffPage(Handoff{Page: l.Page, Asker: asker, ClientName: text, ClientHost: text, TakeURL: "/d/x"})
	all["handoff number"] = HandoffPage(Handoff{Page: l.Page, Asker: asker, ClientName: text, Account: text, Network: "testnet", Choices: []int{17, 42, 93}, PickURL: "/login/x/number"})
	wait := Wait{Page: l.Page, State: text, Busy: true, ClientName: text, Heading: text, Text: text, LoginURL: "/login/x", CancelURL: "/login/x/cancel"}
	all["wait outcome"] = WaitPage(wait)
	wait.QR, wait.Typed, wait.OpenURL, wait.Wallet, wait.Name, wait.AgainURL = text, text, "javascript:alert(1)", text, text, "/login/x/relay"
	all["wait"] = WaitPage(wait)
	for panel := range refusals {
		l.Panel = panel
		all["login "+string(panel)] = LoginPage(l)
	}
	return all
}

func render(t *testing.T, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(t.Context(), &b); err != nil {
		t.Fatalf("render: %v", err)
	}
	return b.String()
}

// Attribute values are escaped, so no tag holds a '>' but its last.
var (
	tags      = regexp.MustCompile(`<[a-zA-Z][^>]*>`)
	inline    = regexp.MustCompile(`(?i)\s(style|on[a-z]+|srcdoc)\s*=`)
	ownScript = regexp.MustCompile(`^<script type="module" src="/static/[a-z]+\.js">$`)
	quoted    = regexp.MustCompile(`"[^"]*"`)
)

// S06: no page needs an exception from the policy.
func TestNoPageHasInlineScriptOrStyle(t *testing.T) {
	t.Parallel()
	for name, page := range pages(hostile) {
		for _, tag := range tags.FindAllString(render(t, page), -1) {
			if inline.MatchString(quoted.ReplaceAllString(tag, `""`)) {
				t.Errorf("%s: inline code in %s", name, tag)
			}
			if strings.HasPrefix(tag, "<style") || strings.HasPrefix(tag, "<script") && !ownScript.MatchString(tag) {
				t.Errorf("%s: the policy blocks %s", name, tag)
			}
			if strings.Contains(strings.ToLower(tag), `"javascript:`) {
				t.Errorf("%s: script address in %s", name, tag)
			}
		}
	}
}

// K03: names and messages of others are shown as text.
func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	for name, page := range pages(hostile) {
		out := render(t, page)
		if strings.Contains(out, "<script>") || strings.Contains(out, "<img src=x") {
			t.Errorf("%s: hostile markup became markup", name)
		}
		if !strings.Contains(html.UnescapeString(out), hostile) {
			t.Errorf("%s: hostile text is not shown as it is", name)
		}
	}
}

func TestTheWalletSignsExactlyTheGivenBytes(t *testing.T) {
	t.Parallel()
	value := regexp.MustCompile(`data-message="([^"]*)"`).FindStringSubmatch(render(t, LoginPage(login(hostile))))
	if value == nil || html.UnescapeString(value[1]) != hostile {
		t.Errorf("data-message = %q, want the message byte for byte", value)
	}
}

func TestEveryPanelIsInThePageAndOneIsVisible(t *testing.T) {
	t.Parallel()
	all := []Panel{
		PanelChoose, PanelWaiting, PanelVerifying, PanelRejected, PanelPopupBlocked, PanelWalletError, PanelExpired,
		PanelAccountNotFound, PanelAccountUnsupported, PanelWrongNetwork, PanelNotFullAccess, PanelBadSignature,
		PanelNotAllowed, PanelRPCDown, PanelUnreachable, PanelSuccess, PanelError,
	}
	section := regexp.MustCompile(`<section[^>]*data-panel="([a-z_]+)"[^>]*>`)
	for _, want := range all {
		l := login("x")
		l.Panel = want
		found := map[Panel]int{}
		var visible []Panel
		for _, m := range section.FindAllStringSubmatch(render(t, LoginPage(l)), -1) {
			found[Panel(m[1])]++
			if !strings.Contains(m[0], " hidden") {
				visible = append(visible, Panel(m[1]))
			}
		}
		if len(visible) != 1 || visible[0] != want {
			t.Errorf("visible panels = %q, want only %q", visible, want)
		}
		for _, p := range all {
			if found[p] != 1 {
				t.Errorf("panel %q is in the page %d times, want once", p, found[p])
			}
		}
	}
}

func TestEveryRefusalHasAPanel(t *testing.T) {
	t.Parallel()
	want := map[Panel]string{
		PanelExpired:            "expired",
		PanelAccountNotFound:    "account_not_found",
		PanelAccountUnsupported: "account_type_unsupported",
		PanelWrongNetwork:       "wrong_network",
		PanelNotFullAccess:      "key_not_found not_full_access unsupported_key_type",
		PanelBadSignature: "malformed invalid_account_id invalid_public_key invalid_signature_encoding bad_signature " +
			"wrong_nonce wrong_recipient wrong_message wrong_callback state_mismatch",
		PanelNotAllowed: "access_denied account_blocked wrong_account",
		PanelRPCDown:    "rpc_unavailable",
		PanelError:      "not_found wrong_browser used too_many_attempts different_proof internal something_new",
	}
	for panel, codes := range want {
		for code := range strings.FieldsSeq(codes) {
			if got := PanelFor(code); got != panel {
				t.Errorf("PanelFor(%q) = %q, want %q", code, got, panel)
			}
		}
	}
}

func TestWithoutJavaScriptTheCLIPathIsOpen(t *testing.T) {
	t.Parallel()
	l := login("x")
	l.CLICommand, l.Challenge.Message, l.Pasted = "near message sign-nep413", "the signed message", ""
	var plain string
	for _, m := range regexp.MustCompile(`(?s)<noscript>(.*?)</noscript>`).FindAllStringSubmatch(render(t, LoginPage(l)), -1) {
		plain += m[1]
	}
	for _, want := range []string{l.CLICommand, l.Challenge.Message, `action="/login/x/paste"`, `name="output"`, "need JavaScript"} {
		if !strings.Contains(plain, want) {
			t.Errorf("without JavaScript the page lacks %q", want)
		}
	}
	if strings.Contains(plain, "<details") {
		t.Error("without JavaScript something is hidden behind a click")
	}
}

func TestAnOutageKeepsWhatWasPasted(t *testing.T) {
	t.Parallel()
	l := login("x")
	l.Panel, l.Pasted = PanelRPCDown, `{"signature":"ed25519:x"}`
	out := render(t, LoginPage(l))
	if !strings.Contains(out, `<input type="hidden" name="output" value="`+html.EscapeString(l.Pasted)+`"`) {
		t.Error("the form does not post the signature again")
	}
}

func TestContinueNeverLeadsToAScript(t *testing.T) {
	t.Parallel()
	for _, to := range []string{
		"javascript:alert(1)", "JavaScript:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,x",
		"vbscript:x", "blob:https://x/y", "file:///etc/passwd", "/relative", "//host/path", "",
	} {
		if out := render(t, ContinuePage(Continue{To: to})); strings.Contains(out, "http-equiv=\"refresh\"") || strings.Contains(out, "<a ") {
			t.Errorf("%q is followed", to)
		}
	}
	for _, to := range []string{"https://app.example/cb?code=a&state=b%22;c", "http://127.0.0.1:8080/cb?x", "com.example.app:/cb?code=a"} {
		out := html.UnescapeString(render(t, ContinuePage(Continue{To: to})))
		if !strings.Contains(out, `content="0; url=`+to+`"`) || !strings.Contains(out, `href="`+to+`"`) {
			t.Errorf("%q is not followed", to)
		}
	}
}
