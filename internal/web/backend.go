package web

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
)

// backend serves the two endpoints of NEAR's backend-login guide. Its callers
// are servers, command lines and pages of registered origins; a page of any
// other origin is refused, or it could sign its visitor in as somebody else.
func (s *server) backend(h handler) http.Handler {
	return s.handle(s.counted(func(w http.ResponseWriter, r *http.Request) error {
		allowed := s.allowOrigin(w, r, s.registered)
		if !allowed || (r.Header.Get("Origin") == "" && s.isForeign(r)) {
			return errForeignOrigin
		}
		return h(w, r)
	}), apiHeaders, backendFailure)
}

// backendFailure adds the guide's member success to the failures of our own
// contract, and gives refusals the one status that the guide's clients know. An
// outage stays an outage: nobody was refused.
func backendFailure(w http.ResponseWriter, r *http.Request, f failure) error {
	if f.Refused {
		f.Status = http.StatusUnauthorized
	}
	body := f.body(r)
	body["success"] = false
	return writeJSON(w, f.Status, body)
}

// initiateLogin begins a login for a caller that brings its own wallet: a sign-in to
// the provider itself, or an OAuth authorization request from the body.
func (s *server) initiateLogin(w http.ResponseWriter, r *http.Request) error {
	form, err := optionalForm(w, r)
	if err != nil {
		return err
	}
	var req login.Request
	if isAuthorizationRequest(form) {
		if req, err = s.embeddedRequest(r, form); err != nil {
			return err
		}
	}
	l, err := s.Logins.Begin(r.Context(), req)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		State       string    `json:"state"`
		Message     string    `json:"message"`
		Nonce       [32]byte  `json:"nonce"` // an array, and so numbers in JSON
		Recipient   string    `json:"recipient"`
		LoginID     string    `json:"login_id"`
		CallbackURL string    `json:"callback_url"`
		ExpiresAt   time.Time `json:"expires_at"`
	}{l.State, l.Message, l.Nonce, l.Recipient, l.ID, l.CallbackURL, l.ExpiresAt.UTC()})
}

// optionalForm reads a JSON or form body, or none.
func optionalForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	body, err := readBody(w, r, maxLoginBody)
	if err != nil || len(body) == 0 {
		return nil, err
	}
	switch mediaType(r) {
	case typeForm:
		return parseQuery(string(body))
	case typeJSON:
		f, err := parseJSON(body)
		return f.form(), err
	}
	return nil, errMediaType(typeJSON + " or " + typeForm)
}

func isAuthorizationRequest(form url.Values) bool {
	for _, name := range []string{"client_id", "redirect_uri", "response_type", "scope", "code_challenge"} {
		if form.Has(name) {
			return true
		}
	}
	return false
}

// embeddedRequest validates an authorization request whose code goes to the
// caller and not through the redirect URI. What the redirect URI protects
// elsewhere is protected here by PKCE and, for browsers, by the page's origin.
func (s *server) embeddedRequest(r *http.Request, form url.Values) (login.Request, error) {
	if !form.Has("response_type") {
		form.Set("response_type", "code")
	}
	form.Del("response_mode") // the caller gets the code itself
	req, err := s.Protocol.Authorize(r.Context(), form)
	if err == nil { // nobody is signed in here
		_, err = s.Protocol.Decide(req, nil)
	}
	if refused, ok := errors.AsType[*oauth.Error](err); ok {
		here := *refused
		here.RedirectTo = "" // the caller is told; there is no browser to send away
		if here.Status < http.StatusBadRequest {
			here.Status = http.StatusBadRequest
		}
		return login.Request{}, &here
	}
	if err != nil {
		return login.Request{}, err
	}
	entryOf(r).clientID = req.Client.ID
	if err := s.mayAuthorize(r, req.Client.ID); err != nil {
		return login.Request{}, err
	}
	if req.Pushed() {
		return login.Request{}, &oauth.Error{Status: http.StatusBadRequest, Code: "request_uri_not_supported",
			Description: "Send the parameters themselves here: no browser is involved that could change them."}
	}
	if form.Get("code_challenge") == "" {
		return login.Request{}, &oauth.Error{Status: http.StatusBadRequest, Code: "invalid_request",
			Description: "code_challenge is missing: without a redirect only PKCE (S256) binds the code to its caller."}
	}
	if s.isForeign(r) && !clients.OriginAllowed(req.Client, r.Header.Get("Origin")) {
		return login.Request{}, errForeignOrigin
	}
	s.Metrics.Step(stepAuthorize)
	return login.Request{Client: req.Client, RedirectHost: req.RedirectHost, Params: req.Params, State: req.State}, nil
}

// verifyLogin takes the wallet's answer to a challenge, as near-sign-verify's
// authToken or in plain fields, and ends the login.
func (s *server) verifyLogin(w http.ResponseWriter, r *http.Request) error {
	body, err := readJSON(w, r)
	if err != nil {
		return err
	}
	answer, err := body.answer()
	if err != nil {
		return err
	}
	l, err := s.findAnswered(r, body, answer)
	if err != nil {
		return err
	}
	entryOf(r).clientID = l.ClientID
	if err := s.mayCollect(r, l); err != nil {
		return err
	}
	out, err := s.Logins.Verify(r.Context(), l, answer)
	if err != nil {
		return err
	}
	s.startSession(w, r, out)
	reply := map[string]any{"success": true, "accountId": out.Identity.AccountID}
	if l.ClientID != "" {
		to, code, err := s.destination(r, out.Login)
		if err != nil {
			return err
		}
		if code == "" { // nobody can be asked here
			return errConsentElsewhere
		}
		reply["redirect_to"], reply["code"] = to, code
	}
	return writeJSON(w, http.StatusOK, reply)
}

// findAnswered finds the login that an answer is for: by the nonce in its
// token, else by the nonce or the login id beside the plain fields.
func (s *server) findAnswered(r *http.Request, body fields, answer login.Answer) (*idp.Login, error) {
	browser := s.browser(r)
	if answer.Token != "" {
		return s.Logins.FindByToken(r.Context(), answer.Token, browser)
	}
	id, err := body.text("login_id")
	if err != nil {
		return nil, err
	}
	if id != "" {
		if !idSyntax.MatchString(id) {
			return nil, &login.Refusal{Reason: login.NotFound}
		}
		return s.Logins.Find(r.Context(), id, browser)
	}
	nonce, err := body.nonce()
	if err != nil {
		return nil, err
	}
	return s.Logins.FindByNonce(r.Context(), nonce, browser)
}

// nonce reads 32 bytes as standard base64 or as an array of numbers.
func (f fields) nonce() (nonce [32]byte, err error) {
	raw, ok := f["nonce"]
	if !ok {
		return nonce, malformed("Send authToken, or the wallet's answer with login_id or nonce.", nil)
	}
	var list []uint16
	if json.Unmarshal(raw, &list) == nil && len(list) == len(nonce) {
		for i, n := range list {
			if n > 0xff {
				return nonce, malformed("The member nonce must hold bytes.", nil)
			}
			nonce[i] = byte(n)
		}
		return nonce, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil && len(text) == base64.StdEncoding.EncodedLen(len(nonce)) {
		if decoded, err := base64.StdEncoding.Strict().DecodeString(text); err == nil && len(decoded) == len(nonce) {
			return [32]byte(decoded), nil
		}
	}
	return nonce, malformed("The member nonce must be 32 bytes, as base64 or as an array of numbers.", nil)
}

// mayCollect keeps the code of a client's login from pages of other origins than the client's.
func (s *server) mayCollect(r *http.Request, l *idp.Login) error {
	if l.ClientID == "" || !s.isForeign(r) {
		return nil
	}
	c, err := s.Clients.Client(r.Context(), l.ClientID)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return err
	}
	if c == nil || !clients.OriginAllowed(c, r.Header.Get("Origin")) {
		return errForeignOrigin
	}
	return nil
}
