package web

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
	"near-idp/web/templates"
)

// onThisDevice is shown for the host of an application that has none.
const onThisDevice = "an app on this device"

// An application is what people are shown of the client of a login.
type application struct {
	name       string // "" for a sign-in to the provider itself
	mark       templates.Mark
	links      templates.Links
	firstParty bool
	host       string // of the redirect URI
	hint       string // the account it expects, "" for any
}

func (s *server) application(ctx context.Context, l *idp.Login) (application, error) {
	if l.Handoff != "" {
		waiting, err := s.Logins.Waiting(ctx, l.Handoff)
		if err != nil {
			return application{}, err
		}
		app, err := s.application(ctx, waiting)
		app.host = there(app.host)
		return app, err
	}
	params, err := url.ParseQuery(l.Params)
	if err != nil {
		return application{}, fmt.Errorf("stored authorization request: %w", err)
	}
	hint := cmp.Or(oauth.ChosenAccount(l), params.Get("login_hint"))
	if !accountSyntax.MatchString(hint) {
		hint = ""
	}
	if l.ClientID == "" {
		return application{hint: hint}, nil
	}
	c, err := s.Clients.Client(ctx, l.ClientID)
	if errors.Is(err, idp.ErrNotFound) {
		// Removed while its login went on; the code will not be redeemable.
		c, err = &idp.Client{ID: l.ClientID}, nil
	}
	if err != nil {
		return application{}, err
	}
	app := application{name: c.DisplayName(), mark: s.mark(c), links: templates.Links{PolicyURL: c.PolicyURI, TermsURL: c.TosURI}, firstParty: c.FirstParty}
	if oauth.DeviceOf(l) != "" {
		app.host = oauth.OnAnotherDevice
		return app, nil
	}
	uri := oauth.ReturnsTo(params)
	if uri == "" && len(c.RedirectURIs) > 0 {
		uri = c.RedirectURIs[0]
	}
	app.host, app.hint = shownHost(uri), hint
	return app, nil
}

// shownHost is whose host the person returns to, in the words of the signed message.
func shownHost(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return onThisDevice // a private-use scheme, or loopback
	}
	return strings.ToLower(u.Host)
}

func (s *server) loginView(r *http.Request, l *idp.Login) (templates.Login, error) {
	app, err := s.application(r.Context(), l)
	if err != nil {
		return templates.Login{}, err
	}
	reader := entryOf(r).reader()
	title := reader.T("Sign in")
	if app.name != "" {
		title = reader.T("Sign in to {client}", "client", app.name)
	}
	path, other, phone := s.base+"/login/"+l.ID, "", ""
	if oauth.ChosenAccount(l) != "" {
		other = s.authorizeURL(r, l, "")
	}
	if s.AnotherDevice && l.Handoff == "" {
		phone = path + "/phone"
	}
	return templates.Login{
		Page: accented(s.view(r, title, "login.js"), app.mark),
		Challenge: templates.Challenge{
			LoginID:     l.ID,
			Message:     l.Message,
			NonceBase64: base64.StdEncoding.EncodeToString(l.Nonce[:]),
			Recipient:   l.Recipient,
			State:       l.State,
			CallbackURL: l.CallbackURL,
			Network:     s.Network,
			ShortCode:   login.ShortCode(l.Nonce),
			ExpiresIn:   max(0, l.ExpiresAt.Sub(s.Now())),
		},
		ClientName: app.name,
		Mark:       app.mark,
		ClientHost: hostName(reader, app.host),
		IssuerHost: l.Recipient,
		LoginHint:  app.hint,
		Wallets:    s.Wallets,
		Renewals:   l.Renewals,
		LoginURL:   path,
		VerifyURL:  path + "/verify",
		PasteURL:   path + "/paste",
		RenewURL:   path + "/renew",
		CancelURL:  path + "/cancel",
		SessionURL: path + "/session",
		AccountURL: path + "/account",
		ForgetURL:  path + "/forget",
		OtherURL:   other,
		Announced:  s.Announced,
		PhoneURL:   phone,
		RelayURL:   path + "/relay",
		ForAnother: l.Handoff != "",
		CLICommand: s.cliCommand(l, app.hint),
	}, nil
}

// renderLogin renders the login page. With a Ledger on the list it may speak to devices
// that the person chooses, which no other page may.
func renderLogin(w http.ResponseWriter, r *http.Request, status int, view templates.Login) error {
	if view.Offers(templates.WalletLedger) {
		policy := w.Header().Get("Permissions-Policy")
		w.Header().Set("Permissions-Policy", strings.Replace(policy, "hid=()", "hid=(self)", 1))
	}
	return render(w, r, status, templates.LoginPage(view))
}

// cliCommand is what signs the challenge with the NEAR CLI (wallets.md, section
// 3.1); "" if it is not offered. Without an account it ends early, and the CLI asks for what is left.
func (s *server) cliCommand(l *idp.Login, account string) string {
	if !s.CommandLine {
		return ""
	}
	command := "near message sign-nep413 utf8 " + quote(l.Message) +
		" nonce " + quote(base64.StdEncoding.EncodeToString(l.Nonce[:])) + " recipient " + quote(l.Recipient)
	if account == "" {
		return command
	}
	return command + " sign-as " + quote(account) + " sign-with-keychain network-config " + s.Network
}

// quote makes text one word of a shell. Nothing we sign has a quote in it; if it
// ever had, it would not end the word.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
