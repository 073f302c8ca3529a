package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"near-idp/internal/account"
	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/text"
	"near-idp/web/templates"
)

// Accounts shows a person what they have here, and takes it back; *account.Service is one.
type Accounts interface {
	Overview(ctx context.Context, session *idp.Session) (*account.Overview, error)
	Activity(ctx context.Context, session *idp.Session, page int) (list []account.Event, more bool, err error)
	Proof(ctx context.Context, session *idp.Session) (*idp.SignedLogin, error)
	Export(ctx context.Context, session *idp.Session) (*account.Export, error)
	Disconnect(ctx context.Context, session *idp.Session, clientID string) error
	EndSession(ctx context.Context, session *idp.Session, sid string) error
	EndOthers(ctx context.Context, session *idp.Session) error
	EndEverything(ctx context.Context, session *idp.Session) error
}

// freshFor is how long after a signature a person may take a copy of their data.
const freshFor = 15 * time.Minute

// The pages of an account, to which a sign-in of their own leads back.
var accountPages = []struct {
	path  string
	title text.Message
}{
	{"/account", "Access"},
	{"/account/activity", "Activity"},
	{"/account/proof", "Last sign-in"},
	{"/account/data", "Your data"},
}

// ownPage is the page, of those of an account, that a sign-in to the provider itself
// was begun from; "" if none.
func ownPage(l *idp.Login) string {
	params, err := url.ParseQuery(l.Params)
	if err != nil || l.ClientID != "" {
		return ""
	}
	for _, page := range accountPages {
		if params.Get("page") == page.path {
			return page.path
		}
	}
	return ""
}

// owned serves a page to the person who is signed in; whoever is not signs in
// first, and whose account is another's by now is signed out.
func (s *server) owned(path string, show func(w http.ResponseWriter, r *http.Request, session *idp.Session) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		session, err := s.Logins.Session(r.Context(), s.session(r))
		if err != nil {
			return err
		}
		if session != nil {
			err = show(w, r, session)
			if !errors.Is(err, idp.ErrNotFound) {
				return err
			}
			s.dropSession(w)
		}
		return s.signInFor(w, r, path, "")
	}
}

// signInFor begins a sign-in to the provider itself that leads back to a page of the account.
func (s *server) signInFor(w http.ResponseWriter, r *http.Request, path, hint string) error {
	params := url.Values{"page": {path}}
	if hint != "" {
		params.Set("login_hint", hint)
	}
	begin := func(w http.ResponseWriter, r *http.Request) error {
		return s.beginLogin(w, r, login.Request{Browser: s.bindBrowser(w, r), Params: params.Encode()})
	}
	return s.limited(s.Limits.authorize, begin)(w, r)
}

func (s *server) accountFrame(r *http.Request, session *idp.Session, here string) templates.AccountFrame {
	reader := entryOf(r).reader()
	f := templates.AccountFrame{Page: s.view(r, reader.T("Your account"), ""), AccountID: session.Identity.AccountID, Network: session.Identity.Network}
	for _, page := range accountPages {
		f.Tabs = append(f.Tabs, templates.AccountTab{Title: reader.T(page.title), URL: s.base + page.path, Here: page.path == here})
	}
	return f
}

// accountPage shows what may use the account.
func (s *server) accountPage(w http.ResponseWriter, r *http.Request, session *idp.Session) error {
	overview, err := s.Accounts.Overview(r.Context(), session)
	if err != nil {
		return err
	}
	view := templates.Account{
		AccountFrame: s.accountFrame(r, session, "/account"), DisconnectURL: s.base + "/account/disconnect",
		EndURL: s.base + "/account/sign-out", EverywhereURL: s.base + "/account/sign-out-everywhere",
	}
	if len(overview.Sessions) > 1 {
		view.OthersURL = s.base + "/account/sign-out-others"
	}
	for _, app := range overview.Applications {
		shown, err := s.applicationOf(r, app)
		if err != nil {
			return err
		}
		view.Applications = append(view.Applications, shown)
	}
	for _, o := range overview.Sessions {
		shown := templates.AccountSession{
			SID: o.Identity.SID, Here: bytes.Equal(o.Hash, session.Hash),
			Browser: o.Browser.Name, System: o.Browser.System, Place: o.Browser.Place, Began: o.BeganAt, Used: o.UsedAt, Expires: o.ExpiresAt,
		}
		view.Sessions = append(view.Sessions, shown)
	}
	// This browser is what a person looks for first.
	slices.SortStableFunc(view.Sessions, func(a, b templates.AccountSession) int {
		if a.Here == b.Here {
			return 0
		}
		if a.Here {
			return -1
		}
		return 1
	})
	return render(w, r, http.StatusOK, templates.AccountPage(view))
}

func (s *server) applicationOf(r *http.Request, app idp.Application) (templates.AccountApplication, error) {
	reader := entryOf(r).reader()
	shown := templates.AccountApplication{ClientID: app.ClientID, Mark: templates.Mark{Name: app.ClientID}, LastUsed: app.LastUsed, Scopes: s.describe(reader, app.Scopes)}
	c, err := s.Clients.Client(r.Context(), app.ClientID)
	if errors.Is(err, idp.ErrNotFound) {
		return shown, nil
	}
	if err != nil {
		return shown, err
	}
	shown.Mark = s.mark(c)
	if len(c.RedirectURIs) > 0 {
		shown.Host = hostName(reader, shownHost(c.RedirectURIs[0]))
	}
	return shown, nil
}

// activityPage shows what happened to the account.
func (s *server) activityPage(w http.ResponseWriter, r *http.Request, session *idp.Session) error {
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	number := 1
	if given := query.Get("page"); given != "" {
		if number, err = strconv.Atoi(given); err != nil || number < 1 || number > account.MaxPage {
			return malformed("The page must be a number from 1 to "+strconv.Itoa(account.MaxPage)+".", err)
		}
	}
	events, more, err := s.Accounts.Activity(r.Context(), session, number)
	if err != nil {
		return err
	}
	view := templates.AccountActivity{AccountFrame: s.accountFrame(r, session, "/account/activity")}
	at := func(number int) string { return s.base + "/account/activity?page=" + strconv.Itoa(number) }
	if number > 1 {
		view.NewerURL = at(number - 1)
	}
	if more {
		view.OlderURL = at(number + 1)
	}
	for _, e := range events {
		shown, err := s.happened(r, e)
		if err != nil {
			return err
		}
		view.Events = append(view.Events, shown)
	}
	return render(w, r, http.StatusOK, templates.AccountActivityPage(view))
}

// proofPage shows what the wallet signed last.
func (s *server) proofPage(w http.ResponseWriter, r *http.Request, session *idp.Session) error {
	proof, err := s.Accounts.Proof(r.Context(), session)
	if err != nil {
		return err
	}
	view := templates.AccountProof{AccountFrame: s.accountFrame(r, session, "/account/proof"), DownloadURL: s.base + "/account/proof.json"}
	if proof != nil {
		view.Known = true
		view.Message, view.Recipient, view.CallbackURL, view.PublicKey = proof.Message, proof.Recipient, proof.CallbackURL, proof.PublicKey
		view.NonceBase64, view.Signature = base64.StdEncoding.EncodeToString(proof.Nonce), base64.StdEncoding.EncodeToString(proof.Signature)
		view.SignedAt = proof.SignedAt
	}
	return render(w, r, http.StatusOK, templates.AccountProofPage(view))
}

// dataPage offers a copy of everything, and what this browser remembers.
func (s *server) dataPage(w http.ResponseWriter, r *http.Request, session *idp.Session) error {
	if _, err := s.Accounts.Proof(r.Context(), session); err != nil { // is the account theirs still?
		return err
	}
	return render(w, r, http.StatusOK, templates.AccountDataPage(templates.AccountData{
		AccountFrame: s.accountFrame(r, session, "/account/data"), Fresh: s.isFresh(session),
		ExportURL: s.base + "/account/export", ConfirmURL: s.base + "/account/confirm",
		Remembered: s.remembered(r), ForgetURL: s.base + "/account/forget",
	}))
}

// everywherePage asks before it signs out everywhere.
func (s *server) everywherePage(w http.ResponseWriter, r *http.Request, session *idp.Session) error {
	return render(w, r, http.StatusOK, templates.AccountEverywherePage(templates.AccountEverywhere{
		AccountFrame: s.accountFrame(r, session, "/account"),
		EndURL:       s.base + "/account/sign-out-everywhere", CancelURL: s.base + "/account",
	}))
}

func (s *server) isFresh(session *idp.Session) bool {
	return s.Now().Sub(session.Identity.AuthTime) <= freshFor
}
