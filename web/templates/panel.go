package templates

import "slices"

// A Panel is one state of the login page (wallets.md, section 4). All panels
// are in the page; one is visible.
type Panel string

// The panels.
const (
	PanelChoose             Panel = "choose"
	PanelLedger             Panel = "ledger"
	PanelWaiting            Panel = "waiting"
	PanelVerifying          Panel = "verifying"
	PanelRejected           Panel = "rejected"
	PanelNoAnswer           Panel = "no_answer"
	PanelPopupBlocked       Panel = "popup_blocked"
	PanelWalletError        Panel = "wallet_error"
	PanelExpired            Panel = "expired"
	PanelAccountNotFound    Panel = "account_not_found"
	PanelAccountUnsupported Panel = "account_unsupported"
	PanelWrongNetwork       Panel = "wrong_network"
	PanelNotFullAccess      Panel = "not_full_access"
	PanelBadSignature       Panel = "bad_signature"
	PanelNotAllowed         Panel = "not_allowed"
	PanelRPCDown            Panel = "rpc_down"
	PanelUnreachable        Panel = "unreachable"
	PanelSuccess            Panel = "success"
	PanelError              Panel = "error"
)

// refusals says which of the server's refusal codes each panel shows. The page
// carries it, so the scripts need no second copy.
var refusals = map[Panel][]string{
	PanelExpired:            {"expired"},
	PanelAccountNotFound:    {"account_not_found"},
	PanelAccountUnsupported: {"account_type_unsupported"},
	PanelWrongNetwork:       {"wrong_network"},
	PanelNotFullAccess:      {"not_full_access", "key_not_found", "unsupported_key_type"},
	PanelBadSignature: {
		"bad_signature", "malformed", "invalid_account_id", "invalid_public_key", "invalid_signature_encoding",
		"wrong_nonce", "wrong_recipient", "wrong_message", "wrong_callback", "state_mismatch",
	},
	PanelNotAllowed: {"access_denied", "account_blocked", "wrong_account"},
	PanelRPCDown:    {"rpc_unavailable"},
	PanelError:      {"not_found", "wrong_browser", "used", "too_many_attempts", "different_proof", "internal"},
}

// PanelFor is the panel that shows a refusal with this code; PanelError for a
// code it does not know.
func PanelFor(code string) Panel {
	for panel, codes := range refusals {
		if slices.Contains(codes, code) {
			return panel
		}
	}
	return PanelError
}

// An outcome is a panel other than the first: one thing happened, and this is what to do.
type outcome struct {
	ID      Panel
	Tone    string
	Heading string
	Text    string
	Actions []action
}

// An action is a link, a form or a button of the script, in that order of preference:
// the first two work without JavaScript.
type action struct {
	Act  string // what the script knows it by
	Text string
	URL  string // of a link, or of a form if Post
	Post bool

	// Output makes the form post it as what was pasted.
	Output string
	// Hidden buttons appear when the script finds them useful.
	Hidden bool
}

// outcomes is what can follow the choice of a wallet, on the login page and on
// the callback page alike.
func outcomes(p Page, client, issuer, network, loginURL, renewURL string) []outcome {
	again := action{Act: "again", Text: p.T("Try again"), URL: loginURL}
	otherWallet := action{Act: "again", Text: p.T("Use another wallet"), URL: loginURL}
	otherAccount := action{Act: "again", Text: p.T("Use another account"), URL: loginURL}
	renew := action{Act: "renew", Text: p.T("Start again"), URL: renewURL, Post: true}
	retry := action{Act: "retry", Text: p.T("Try again")}
	return []outcome{
		{PanelVerifying, ToneBusy, p.T("Checking…"), p.T("Your signature is being checked against the NEAR network."), nil},
		{PanelRejected, ToneInfo, p.T("Not approved"), p.T("Nothing was shared with {client}.", "client", client), []action{again}},
		{PanelExpired, ToneWarning, p.T("This request expired"),
			p.T("Requests are short-lived to keep you safe. Nothing was shared."), []action{renew}},
		{PanelAccountNotFound, ToneWarning, p.T("That account does not exist yet"),
			p.T("It is not on {network}. It may need its first deposit, or belong to another network.", "network", network), []action{otherAccount}},
		{PanelAccountUnsupported, ToneWarning, p.T("This kind of account can’t sign in here"),
			p.T("It has no keys that can sign a message."), []action{otherAccount}},
		{PanelWrongNetwork, ToneWarning, p.T("That account is on another network"),
			p.T("This sign-in needs an account on {network}. Switch the network in your wallet, or use another account.", "network", network), []action{otherAccount}},
		{PanelNotFullAccess, ToneWarning, p.T("This key can’t be used to sign in"),
			p.T("The wallet signed with a key that does not have full access to the account."), []action{otherWallet}},
		{PanelBadSignature, ToneError, p.T("The wallet’s answer did not match this request"),
			p.T("It may have answered an older request. Try once more."), []action{again}},
		{PanelNotAllowed, ToneError, p.T("This account may not sign in to {client}", "client", client),
			p.T("Ask whoever runs it for access, or use another account."), []action{otherAccount}},
		{PanelRPCDown, ToneWarning, p.T("The NEAR network is not answering"),
			p.T("Your signature is kept. Try again in a moment; you will not have to sign again."), []action{retry}},
		{PanelUnreachable, ToneWarning, p.T("No connection to {host}", "host", issuer),
			p.T("Check your internet connection. Your signature is kept; you will not have to sign again."), []action{retry}},
		{PanelSuccess, ToneSuccess, p.T("Signed in"), p.T("Returning to {client}…", "client", client),
			[]action{{Act: "leave", Text: p.T("Continue"), URL: loginURL}}},
		{PanelError, ToneError, p.T("Something went wrong"), p.T("This sign-in could not be finished. Nothing was shared."),
			[]action{{Act: "retry", Text: p.T("Try again"), Hidden: true}, renew}},
	}
}

// walletOutcomes is what happens between the page and a wallet it opened.
func walletOutcomes(l Login) []outcome {
	other := action{Act: "again", Text: l.T("Use another wallet"), URL: l.LoginURL}
	return []outcome{
		{PanelWaiting, ToneBusy, l.T("Continue in your wallet"),
			l.T("Check that it shows {host} and the code {code}, then approve.", "host", l.IssuerHost, "code", l.Challenge.ShortCode),
			[]action{{Act: "reopen", Text: l.T("Open it again")}, other}},
		{PanelNoAnswer, ToneInfo, l.T("No answer from your wallet yet"),
			l.T("If its window is still open, finish there. If you closed it, open it again."),
			[]action{{Act: "reopen", Text: l.T("Open it again")}, other}},
		{PanelPopupBlocked, ToneWarning, l.T("Your browser blocked the wallet window"),
			l.T("Open it with the button, or allow pop-ups for this page."),
			[]action{{Act: "reopen", Text: l.T("Open wallet")}, {Act: "redirect", Text: l.T("Continue in this window"), Hidden: true}, other}},
		{PanelWalletError, ToneWarning, l.T("The wallet could not sign"),
			l.T("It reported a problem. Nothing was shared."), []action{{Act: "reopen", Text: l.T("Try again")}, other}},
	}
}

// loginOutcomes puts what the server already knows into the panel it shows first.
func loginOutcomes(l Login) []outcome {
	network := networkName(l.Challenge.Network)
	all := append(walletOutcomes(l), outcomes(l.Page, clientName(l.ClientName, l.Brand), l.IssuerHost,
		network, l.LoginURL, l.RenewURL)...)
	for i := range all {
		if all[i].ID != l.Panel {
			continue
		}
		all[i].Text = or(l.Error, all[i].Text)
		all[i].Heading = or(accountHeading(l, network), all[i].Heading)
		if l.Pasted != "" && l.Panel == PanelRPCDown {
			all[i].Actions = []action{{Act: "retry-paste", Text: l.T("Try again"), URL: l.PasteURL, Post: true, Output: l.Pasted}}
		}
	}
	return all
}

// accountHeading names the account where the server knows it; "" elsewhere.
func accountHeading(l Login, network string) string {
	switch {
	case l.Account == "":
		return ""
	case l.Panel == PanelAccountNotFound:
		return l.T("{account} does not exist on {network} yet", "account", l.Account, "network", network)
	case l.Panel == PanelWrongNetwork:
		return l.T("{account} is on another network", "account", l.Account)
	case l.Panel == PanelAccountUnsupported:
		return l.T("{account} can’t sign in here", "account", l.Account)
	}
	return ""
}

func callbackOutcomes(c Callback) []outcome {
	return outcomes(c.Page, clientName(c.ClientName, c.Brand), c.IssuerHost, networkName(c.Network), c.LoginURL, c.RenewURL)
}

// clientName is the provider's own name for a sign-in to the provider itself.
func clientName(name, brand string) string { return or(name, brand) }

// primary is the index of the action to offer first; -1 while there is something
// better to do than to press a button here.
func primary(o outcome) int {
	if o.Tone == ToneBusy {
		return -1
	}
	return slices.IndexFunc(o.Actions, func(a action) bool { return !a.Hidden })
}
