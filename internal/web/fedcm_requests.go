package web

import (
	"errors"
	"net/http"
	"net/url"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
)

// fedCMAccount is an entry of the accounts endpoint. There is no email address: the account
// has none that anybody verified, and browsers take the username for it.
type fedCMAccount struct {
	ID              string   `json:"id"`
	Name            string   `json:"name"`
	Username        string   `json:"username"`
	LoginHints      []string `json:"login_hints"`
	ApprovedClients []string `json:"approved_clients"`
}

// fedCMAccounts lists who is signed in. The browser does not say what for, and shows the
// list to the person alone.
func (s *server) fedCMAccounts(w http.ResponseWriter, r *http.Request) error {
	session, err := s.fedCMSession(r)
	if err != nil {
		return err
	}
	if session == nil {
		return errFedCMSignedOut
	}
	who := session.Identity
	applications, err := s.FedCM.Applications(r.Context(), who.Network, who.Subject)
	if err != nil {
		return err
	}
	approved := []string{}
	for _, a := range applications {
		approved = append(approved, a.ClientID)
	}
	account := fedCMAccount{who.AccountID, who.AccountID, who.AccountID, []string{who.AccountID}, approved}
	return writeJSON(w, http.StatusOK, map[string]any{"accounts": []fedCMAccount{account}})
}

// errFedCMSignedOut makes the browser offer the login page, or nothing.
var errFedCMSignedOut = &problem{status: http.StatusUnauthorized, code: errSignedOut.code, detail: "Nobody is signed in here with this browser."}

// fedCMClientMetadata is what the browser shows of a client. It is public.
func (s *server) fedCMClientMetadata(w http.ResponseWriter, r *http.Request) error {
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	c, err := s.Clients.Client(r.Context(), query.Get("client_id"))
	if errors.Is(err, idp.ErrNotFound) || err == nil && c.Disabled {
		return &problem{status: http.StatusNotFound, code: "invalid_request", detail: "No client with this client_id is registered."}
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Policy string `json:"privacy_policy_url,omitempty"`
		Terms  string `json:"terms_of_service_url,omitempty"`
	}{c.PolicyURI, c.TosURI})
}

// An assertion is a request to the id assertion endpoint that is in order as far as HTTP goes.
type assertion struct {
	client   *idp.Client
	session  *idp.Session
	redirect string // of the client, at the page's origin
	params   url.Values
}

// fedCMAssert answers an authorization request with a code, or with the window in
// which the person is asked. The browser has shown them who asks, and they agreed to tell it who
// they are; what else it may learn, they are asked by us.
func (s *server) fedCMAssert(w http.ResponseWriter, r *http.Request) error {
	a, err := s.readAssertion(w, r)
	if err != nil {
		return err
	}
	req, err := s.FedCM.Protocol.AuthorizeFedCM(r.Context(), a.client.ID, a.redirect, a.params)
	if err != nil {
		return err
	}
	step, err := s.Protocol.Decide(req, a.session)
	if err != nil {
		return err
	}
	token := ""
	if step == oauth.StepResume || step == oauth.StepSilent {
		if token, err = s.fedCMToken(r, req, a.session, step == oauth.StepSilent); err != nil {
			return err
		}
	}
	if token != "" {
		return writeJSON(w, http.StatusOK, map[string]string{"token": token})
	}
	handle, err := s.FedCM.Protocol.Defer(r.Context(), req, a.session.Identity.SID)
	if err != nil {
		return err
	}
	query := url.Values{"client_id": {a.client.ID}, "request": {handle}}
	return writeJSON(w, http.StatusOK, map[string]string{"continue_on": s.url("/fedcm/continue?" + query.Encode())})
}

func (s *server) readAssertion(w http.ResponseWriter, r *http.Request) (a assertion, err error) {
	form, err := s.fedCMForm(w, r)
	if err != nil {
		return a, err
	}
	if a.client, err = s.fedCMClient(w, r, form.Get("client_id")); err != nil {
		return a, err
	}
	if a.session, err = s.fedCMSession(r); err != nil {
		return a, err
	}
	if a.session == nil {
		return a, errFedCMSignedOut
	}
	if account := form.Get("account_id"); account != a.session.Identity.AccountID {
		return a, &login.Refusal{Reason: login.WrongAccount, AccountID: account, Err: errors.New("account_id is not that of the session")}
	}
	params, err := parseJSON([]byte(form.Get("params")))
	if err != nil {
		return a, malformed("The field params must be one JSON object.", err)
	}
	a.params = params.form()
	if nonce := form.Get("nonce"); nonce != "" && !a.params.Has("nonce") { // where browsers had it before params
		a.params.Set("nonce", nonce)
	}
	a.redirect = clients.RedirectAt(a.client.RedirectURIs, r.Header.Get("Origin"), a.params.Get("redirect_uri"))
	if a.redirect == "" {
		return a, malformed("The redirect_uri of the params is not registered, or has another origin than the page.", nil)
	}
	return a, nil
}

// fedCMForm reads a form in which each field stands once.
func (s *server) fedCMForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	form, err := readForm(w, r, maxLoginBody)
	if err != nil {
		return nil, err
	}
	for name, values := range form {
		if len(values) > 1 {
			return nil, malformed("A field is given more than once.", errors.New(name))
		}
	}
	return form, nil
}

// fedCMToken answers from the session; it is "" if the person has to be asked.
func (s *server) fedCMToken(r *http.Request, req *oauth.Request, session *idp.Session, silent bool) (string, error) {
	begin := login.Request{Client: req.Client, RedirectHost: req.RedirectHost, Params: req.Params, State: req.State}
	l, err := s.Logins.Resume(r.Context(), begin, session, true)
	if err != nil {
		return "", err
	}
	if l == nil && silent {
		return "", s.Protocol.ConsentRequired(req)
	}
	if l == nil {
		return "", nil
	}
	response, err := s.Protocol.Response(r.Context(), l)
	return response.Token, err
}

// fedCMDisconnect takes back, for the person, what the page's client may know of them.
func (s *server) fedCMDisconnect(w http.ResponseWriter, r *http.Request) error {
	form, err := s.fedCMForm(w, r)
	if err != nil {
		return err
	}
	c, err := s.fedCMClient(w, r, form.Get("client_id"))
	if err != nil {
		return err
	}
	session, err := s.fedCMSession(r)
	if err != nil {
		return err
	}
	if session == nil {
		return errFedCMSignedOut
	}
	account := session.Identity.AccountID
	if form.Get("account_hint") != account {
		return &login.Refusal{Reason: login.WrongAccount, Err: errors.New("account_hint is not the account of the session")}
	}
	if err := s.Accounts.Disconnect(r.Context(), session, c.ID); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]string{"account_id": account})
}
