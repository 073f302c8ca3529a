// Package templates renders every page a person sees while signing in.
//
// The pages run under a policy without inline script or style (wallets.md,
// section 7), so nothing here emits one: what the scripts need travels in data-*
// attributes. Every URL in a view is final; the caller has already put the
// issuer's path before it. Every page is complete without JavaScript, except
// that wallets themselves need it.
package templates

//go:generate go tool -modfile=../../internal/tools/go.mod templ generate

import (
	"time"

	"near-idp/internal/text"
)

// Page is what every page has.
type Page struct {
	Brand     string        // the provider's name, shown above the card
	Text      *text.Printer // the reader's language; nil: English
	Title     string        // of the window; Brand is appended
	StyleURL  string
	ScriptURL string // empty: the page has no script
	IconURL   string // of the window, such as static.URL("icons/provider.svg"); empty: none
	Notice    string // a banner, such as what development mode simulates; empty: none
	RequestID string // shown in the footer, for support; empty: none
	Accent    string // "#rrggbb", of a stripe; empty: none
	Operator  Operator

	LanguageURL string // POST, form fields "lang" and "to": the page in another language; empty: no choice
	Here        string // the path of this page, for "to"
}

// Challenge is what the wallet signs (NEP-413) and what travels beside it.
type Challenge struct {
	LoginID     string
	Message     string
	NonceBase64 string // standard base64 of the 32 bytes
	Recipient   string
	State       string // the NEP-413 state
	CallbackURL string // absolute, as the signature would cover it
	Network     string // "mainnet" or "testnet"
	ShortCode   string // as the message names it, such as "K7QF-2MWD"

	// ExpiresIn is the time left when the page is rendered. It is a span and not
	// an instant because the browser's clock may be wrong.
	ExpiresIn time.Duration
}

// The kinds of Wallet, which say how it is spoken to.
const (
	WalletInjected = "injected" // an extension, known by its ID; its button appears when it is detected
	WalletPopup    = "popup"    // MyNearWallet's /sign-message in a window, or in the page's place on small screens
	WalletRelay    = "relay"    // a wallet on another device, which the provider asks through its maker's relay
	WalletRedirect = "redirect" // MyNearWallet's /sign-message, always in the page's place
	WalletMeteor   = "meteor"   // Meteor's window, or its extension
	WalletIntear   = "intear"   // Intear's window
	WalletLedger   = "ledger"   // a Ledger over WebHID; its button appears where the browser has that
)

// Wallet is one entry of the server's list for its network, in its order. The scripts
// know these IDs of kind injected: hot, nightly, okx, sender.
type Wallet struct {
	ID      string
	Name    string
	Kind    string
	URL     string // origin of a web wallet, or the script of WalletLedger; empty for an injected one
	IconURL string // static.WalletIcon(ID); empty: a tile with the initial
}

// Login is /login/{id}.
type Login struct {
	Page
	Challenge  Challenge
	ClientName string // empty: a sign-in to the provider itself
	Mark       Mark
	ClientHost string // of the redirect URI; "an app on this device" is the caller's to say
	IssuerHost string
	LoginHint  string // the account the application expects; empty: any
	Wallets    []Wallet
	Announced  bool // wallets that announce themselves to the page are offered
	Renewals   int  // how many expired logins this one continues; the page renews silently while it is below 3

	LoginURL  string // this page: GET, for "try again" without JavaScript
	VerifyURL string // POST, JSON (architecture.md, section 3)
	PasteURL  string // POST, form field "output"
	RenewURL  string // POST: JSON {"location"} if the request accepts application/json, else 303
	CancelURL string // POST, form: back to the application with access_denied

	// The account that the browser is signed in as, where it may be chosen; empty: none.
	SessionAccount string
	SessionURL     string // POST, form: continue as SessionAccount
	// Accounts that the browser remembers, where one is to be chosen.
	KnownAccounts []string
	AccountURL    string // POST, form field "account": sign in as one of KnownAccounts
	ForgetURL     string // POST, form field "account": remember it no more
	OtherURL      string // the same request with another account than LoginHint, where that was chosen; empty: none

	RelayURL   string // POST, form field "wallet": ask a WalletRelay
	PhoneURL   string // POST, form: go on with another device; empty: not offered
	ForAnother bool   // another device waits for this login, and gets what comes of it

	CLICommand string // empty: the NEAR CLI is not offered

	Panel   Panel  // the panel to show first; empty means PanelChoose
	Account string // the account a refusal is about; empty if unknown
	Error   string // the sentence of the refusal; empty: the panel's own text
	Pasted  string // what was pasted, so that PanelRPCDown can post it again without signing again
}

// Callback is /login/{id}/cb, where a redirect wallet delivers its answer in the
// fragment, which only the script can read.
type Callback struct {
	Page
	LoginID    string
	ClientName string
	IssuerHost string
	Network    string
	LoginURL   string
	VerifyURL  string
	RenewURL   string
	CancelURL  string
}

// Continue is /continue/{id}: the hop from our form to the application, by
// refresh and not by redirect, because form-action covers a redirect chain.
type Continue struct {
	Page
	To         string // the redirect URI with its parameters; javascript: and its kin are refused
	ClientName string
}

// The tones of a Message.
const (
	ToneInfo    = ""
	ToneBusy    = "busy"
	ToneSuccess = "success"
	ToneWarning = "warning"
	ToneError   = "error"
)

// Message is any page that says one thing: an error, not found, "continue in
// the browser where you started", signed in to the provider, the home page.
type Message struct {
	Page
	Tone       string
	Heading    string
	Text       string
	Detail     string // verbatim, set apart: an account, an error code
	ActionURL  string // empty: no action
	ActionText string
}
