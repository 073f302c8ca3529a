package main

import (
	"encoding/json"
	"log"
	"net/http"
	"net/url"
)

// logout ends the session here and then, with the ID token as proof, the one at
// the provider (OpenID Connect RP-Initiated Logout 1.0). Without the second half
// the next sign-in would need no wallet.
func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.take(a.read(r, sessionCookie))
	http.SetCookie(w, a.cookie(sessionCookie, "", -1))
	if s == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	query := url.Values{
		"client_id": {a.oauth.ClientID}, "id_token_hint": {s.idToken}, "post_logout_redirect_uri": {a.base + "/"},
	}
	http.Redirect(w, r, a.endSession+"?"+query.Encode(), http.StatusSeeOther)
}

// backchannelLogout is what the provider calls when a sign-in ends elsewhere: at
// another application, on its account page, or by an administrator (OpenID
// Connect Back-Channel Logout 1.0).
func (a *app) backchannelLogout(w http.ResponseWriter, r *http.Request) {
	refuse := func(why string) {
		log.Print("A logout token is refused: ", why)
		http.Error(w, "invalid logout_token", http.StatusBadRequest)
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	// Signature, issuer, audience and expiry are checked as those of ID tokens.
	token, err := a.verifier.Verify(a.outgoing(r.Context()), r.PostFormValue("logout_token"))
	if err != nil {
		refuse(err.Error())
		return
	}
	var claims struct {
		SID    string                     `json:"sid"`
		Events map[string]json.RawMessage `json:"events"`
	}
	if err := token.Claims(&claims); err != nil {
		refuse(err.Error())
		return
	}
	// An ID token, which others may have seen, signs nobody out (section 2.6).
	if _, ok := claims.Events["http://schemas.openid.net/event/backchannel-logout"]; !ok || token.Nonce != "" {
		refuse("it is of another kind")
		return
	}
	if claims.SID == "" && token.Subject == "" {
		refuse("it names nobody")
		return
	}
	a.sessions.drop(func(s *session) bool {
		if claims.SID != "" {
			return s.who.SID == claims.SID
		}
		return s.who.Subject == token.Subject
	})
}
