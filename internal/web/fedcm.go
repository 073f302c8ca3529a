package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
)

// FedCM is what answers browsers that carry sign-ins between pages and the provider
// themselves (W3C Federated Credential Management). All fields are required.
type FedCM struct {
	Sessions FedCMSessions
	Protocol FedCMProtocol
	// Applications lists what the subject allowed or granted and has not taken back.
	Applications func(ctx context.Context, network, subject string) ([]idp.Application, error)
}

// FedCMSessions knows sessions by the secret of the FedCM cookie; *login.FedCM is one.
type FedCMSessions interface {
	Secret(s *idp.Session) idp.Secret
	Session(ctx context.Context, secret string) (*idp.Session, error)
}

// FedCMProtocol takes authorization requests that come by FedCM; *oauth.Provider is one.
type FedCMProtocol interface {
	AuthorizeFedCM(ctx context.Context, clientID, redirect string, params url.Values) (*oauth.Request, error)
	Defer(ctx context.Context, r *oauth.Request, sid string) (handle string, err error)
	Deferred(ctx context.Context, clientID, handle, sid string) (*oauth.Request, error)
}

// fedCMRoutes adds the endpoints. None of them exists where FedCM is off.
func (s *server) fedCMRoutes(mux *http.ServeMux, at func(pattern string, h http.Handler)) {
	if s.FedCM == nil {
		return
	}
	s.document(mux, s.webIdentity, "/.well-known/web-identity") // at the root, whatever the issuer's path
	s.document(mux, s.fedCMConfig, s.base+"/fedcm/config.json")
	at("GET /fedcm/accounts", s.mediated(s.fedCMAccounts))
	at("GET /fedcm/client", s.cors(s.anyone, s.mediated(s.fedCMClientMetadata)))
	at("POST /fedcm/assert", s.mediated(s.limited(s.Limits.authorize, s.fedCMAssert)))
	at("POST /fedcm/disconnect", s.mediated(s.limited(s.Limits.verify, s.fedCMDisconnect)))
	at("GET /fedcm/login", s.page(s.limited(s.Limits.authorize, s.fedCMLogin)))
	at("GET /fedcm/continue", s.page(s.limited(s.Limits.authorize, s.fedCMContinue)))
	at("GET /fedcm/refused/{reason}", s.page(s.fedCMRefused))
}

// mediated serves requests that the browser makes by itself. Pages can set neither
// this header nor read what it keeps them from, so that requests with the cookie, which
// goes along from any site, are never a page's own doing (FedCM section 7.2).
func (s *server) mediated(h handler) http.Handler {
	return s.handle(s.counted(func(w http.ResponseWriter, r *http.Request) error {
		if r.Header.Get("Sec-Fetch-Dest") != "webidentity" {
			return errNotMediated
		}
		return h(w, r)
	}), apiHeaders, s.fedCMFailure)
}

var errNotMediated = &problem{status: http.StatusForbidden, code: "not_webidentity",
	detail: "This address answers the browser's own FedCM requests alone (Sec-Fetch-Dest: webidentity)."}

// webIdentity is the well-known file. The browser looks for it at the registrable domain of
// the issuer, and holds the addresses in it against the configuration.
func (s *server) webIdentity() []byte {
	return document(map[string]any{
		"provider_urls": []string{s.url("/fedcm/config.json")}, "accounts_endpoint": s.url("/fedcm/accounts"), "login_url": s.url("/fedcm/login"),
	})
}

func (s *server) fedCMConfig() []byte {
	return document(map[string]any{
		"accounts_endpoint": s.url("/fedcm/accounts"), "client_metadata_endpoint": s.url("/fedcm/client"),
		"id_assertion_endpoint": s.url("/fedcm/assert"), "disconnect_endpoint": s.url("/fedcm/disconnect"), "login_url": s.url("/fedcm/login"),
	})
}

func document(members map[string]any) []byte {
	text, err := json.Marshal(members)
	if err != nil {
		panic(err) // unreachable: texts always marshal
	}
	return text
}

// fedCMCookie is the name of the cookie that goes along with requests by FedCM.
const fedCMCookie = "idp_fedcm"

// two ids of ours: the session's, and a MAC
var fedCMSyntax = regexp.MustCompile(`^[A-Z2-7]{26}\.[A-Za-z0-9_-]{43}$`)

// fedCMSession is the session that a request by FedCM is of, or nil.
func (s *server) fedCMSession(r *http.Request) (*idp.Session, error) {
	c, err := r.Cookie(s.cookieName(fedCMCookie))
	if err != nil || !fedCMSyntax.MatchString(c.Value) {
		return nil, nil
	}
	return s.FedCM.Sessions.Session(r.Context(), c.Value)
}

// announce tells the browser who is signed in here from now on, nobody if session is
// nil: by a cookie for its own requests, and by the status that it asks for before it makes any (Login
// Status API). The cookie is SameSite=None, which those requests need, and so worth
// nothing outside of them.
func (s *server) announce(w http.ResponseWriter, session *idp.Session) {
	if s.FedCM == nil {
		return
	}
	value, status, age := "", "logged-out", -1
	if session != nil {
		value, status, age = string(s.FedCM.Sessions.Secret(session)), "logged-in", int(session.ExpiresAt.Sub(s.Now()).Seconds())
	}
	// Browsers take Secure cookies from http on a loopback host, the only one there is.
	http.SetCookie(w, &http.Cookie{Name: s.cookieName(fedCMCookie), Value: value, Path: "/", MaxAge: age,
		SameSite: http.SameSiteNoneMode, HttpOnly: true, Secure: true})
	w.Header().Set("Set-Login", status)
}

// fedCMClient is the client that a page asks for. The page must be of an origin where the client
// has a redirect URI, compared whole; only then may it read the answer.
func (s *server) fedCMClient(w http.ResponseWriter, r *http.Request, id string) (*idp.Client, error) {
	w.Header().Add("Vary", "Origin")
	if !clientIDSyntax.MatchString(id) {
		return nil, malformed("The field client_id is missing or malformed.", nil)
	}
	c, err := s.Clients.Client(r.Context(), id)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return nil, err
	}
	origin := r.Header.Get("Origin")
	if c == nil || c.Disabled || len(r.Header.Values("Origin")) != 1 || !clients.OriginAllowed(c, origin) {
		return nil, errForeignOrigin
	}
	entryOf(r).clientID = c.ID
	w.Header().Set("Access-Control-Allow-Origin", origin)
	w.Header().Set("Access-Control-Allow-Credentials", "true")
	return c, nil
}

// fedCMExplained are the refusals that a person can read about at a page of ours.
var fedCMExplained = []login.Reason{login.AccessDenied, login.AccountBlocked, login.WrongAccount}

// fedCMFailure is the error that the browser hands to the page: a code of RFC
// 6749 or OpenID Connect, and where a person reads more.
func (s *server) fedCMFailure(w http.ResponseWriter, r *http.Request, f failure) error {
	told := map[string]string{"code": f.oauthCode()}
	switch {
	case slices.Contains(fedCMExplained, login.Reason(f.Code)):
		told["code"], told["url"] = "access_denied", s.url("/fedcm/refused/"+f.Code)
	case f.Code == errSignedOut.code:
		told["code"] = "login_required"
	case f.Code == errNotMediated.code:
		told["code"] = "invalid_request"
	}
	return writeJSON(w, f.Status, map[string]any{"error": told, "error_description": f.description(nil), "request_id": entryOf(r).id})
}
