package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/oauth"
)

var clientIDSyntax = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,64}$`)

// clientForm reads the body of a request that a client makes itself: a form,
// and nothing from the query, which ends up in logs.
func (s *server) clientForm(w http.ResponseWriter, r *http.Request) error {
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	for _, name := range []string{"client_secret", "client_assertion", "code", "code_verifier", "refresh_token", "device_code", "grant_type", "token"} {
		if query.Has(name) {
			return &problem{status: http.StatusBadRequest, code: "invalid_request", detail: "Send " + name + " in the body, not in the URL."}
		}
	}
	form, err := readForm(w, r, maxTokenBody)
	if err != nil {
		return err
	}
	r.Form, r.PostForm = form, form
	entryOf(r).clientID = claimedClient(r)
	return s.mayAuthenticate(r)
}

// token is the token endpoint (RFC 6749 section 3.2).
func (s *server) token(w http.ResponseWriter, r *http.Request) error {
	if err := s.clientForm(w, r); err != nil {
		return err
	}
	s.offerNonce(w, r)
	answer, err := s.Protocol.Token(r.Context(), r)
	if err != nil {
		return err
	}
	if r.PostForm.Get("grant_type") == idp.GrantAuthorizationCode {
		s.Metrics.Step(stepToken)
	}
	return writeJSON(w, http.StatusOK, answer)
}

// push is the pushed authorization request endpoint (RFC 9126).
func (s *server) push(w http.ResponseWriter, r *http.Request) error {
	if err := s.clientForm(w, r); err != nil {
		return err
	}
	s.offerNonce(w, r)
	answer, err := s.Protocol.Push(r.Context(), r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, answer)
}

// revoke is RFC 7009: an empty answer for every token, known or not.
func (s *server) revoke(w http.ResponseWriter, r *http.Request) error {
	if err := s.clientForm(w, r); err != nil {
		return err
	}
	if err := s.Protocol.Revoke(r.Context(), r); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// introspect is RFC 7662.
func (s *server) introspect(w http.ResponseWriter, r *http.Request) error {
	if err := s.clientForm(w, r); err != nil {
		return err
	}
	answer, err := s.Protocol.Introspect(r.Context(), r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, answer)
}

// claimedClient is whom such a request says it is from, for the log.
func claimedClient(r *http.Request) string {
	id, _, ok := r.BasicAuth()
	if !ok {
		id = r.PostForm.Get("client_id")
	}
	if !clientIDSyntax.MatchString(id) {
		return ""
	}
	return id
}

// userInfo is OIDC Core section 5.3; the token comes in the header or, a bearer token by
// POST, in the form (RFC 6750 sections 2.1 and 2.2), and never in the query.
func (s *server) userInfo(w http.ResponseWriter, r *http.Request) error {
	token, bound, err := accessToken(w, r)
	if err != nil {
		return err
	}
	s.offerNonce(w, r)
	var claims map[string]any
	if bound {
		claims, err = s.Protocol.UserInfoDPoP(r.Context(), token, r.Method, r.Header.Values(headerDPoP))
	} else {
		claims, err = s.Protocol.UserInfo(r.Context(), token)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, claims)
}

const (
	headerDPoP  = "DPoP"
	headerNonce = "DPoP-Nonce"
)

// offerNonce tells who uses DPoP the nonce of the next proof, if it needs one
// (RFC 9449 section 8.2).
func (s *server) offerNonce(w http.ResponseWriter, r *http.Request) {
	if nonce := s.Protocol.DPoPNonce(); nonce != "" && r.Header.Get(headerDPoP) != "" {
		w.Header().Set(headerNonce, nonce)
	}
}

// accessToken reads the one access token of a request, and whether it is shown
// as one that is bound to a key (RFC 9449 section 7.1).
func accessToken(w http.ResponseWriter, r *http.Request) (token string, bound bool, err error) {
	var given []string
	for _, header := range r.Header.Values("Authorization") {
		scheme, token, _ := strings.Cut(header, " ")
		bound = strings.EqualFold(scheme, "DPoP")
		if !bound && !strings.EqualFold(scheme, "Bearer") {
			return "", false, bearerProblem(http.StatusUnauthorized, "invalid_token", "Send the access token as a Bearer or DPoP token.")
		}
		given = append(given, strings.TrimLeft(token, " "))
	}
	if r.Method == http.MethodPost && mediaType(r) == typeForm {
		form, err := readForm(w, r, maxTokenBody)
		if err != nil {
			return "", false, err
		}
		given = append(given, form["access_token"]...)
	}
	if query, err := parseQuery(r.URL.RawQuery); err == nil && query.Has("access_token") {
		return "", false, bearerProblem(http.StatusBadRequest, "invalid_request", "Send the access token in the Authorization header, not in the URL.")
	}
	switch {
	case len(given) > 1:
		return "", false, bearerProblem(http.StatusBadRequest, "invalid_request", "Send the access token once.")
	case len(given) == 0 || given[0] == "":
		// RFC 6750 section 3.1: no error code for a request without a token.
		return "", false, &problem{status: http.StatusUnauthorized, code: "invalid_token", detail: "An access token is needed.",
			authenticate: "Bearer, " + oauth.DPoPChallenge("")}
	case len(given[0]) > maxLoginBody:
		return "", false, bearerProblem(http.StatusUnauthorized, "invalid_token", "The access token is not one of ours.")
	}
	return given[0], bound, nil
}

func bearerProblem(status int, code, text string) error {
	return &problem{status: status, code: code, detail: text,
		authenticate: `Bearer error="` + code + `", error_description="` + text + `"`}
}

// How long others may keep our keys and metadata; a new key is published for
// longer than this before it signs.
const documentAge = 5 * time.Minute

// A rendering is a document that was made ready to be served.
type rendering struct {
	text         []byte
	etag, length string
}

func newRendering(text []byte) *rendering {
	sum := sha256.Sum256(text)
	return &rendering{text, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, strconv.Itoa(len(text))}
}

// document serves a public JSON document at some paths, to anyone.
func (s *server) document(mux *http.ServeMux, body func() []byte, paths ...string) {
	var latest atomic.Pointer[rendering]
	maxAge := "public, max-age=" + strconv.Itoa(int(documentAge/time.Second))
	h := s.cors(s.anyone, s.api(func(w http.ResponseWriter, r *http.Request) error {
		text, now := body(), latest.Load()
		if now == nil || !bytes.Equal(text, now.text) {
			now = newRendering(text)
			latest.Store(now)
		}
		w.Header().Set("Cache-Control", maxAge)
		w.Header().Del("Pragma")
		w.Header().Set("ETag", now.etag)
		if strings.Contains(r.Header.Get("If-None-Match"), now.etag) {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", now.length)
		_, _ = w.Write(now.text)
		return nil
	}))
	for _, path := range paths {
		mux.Handle("GET "+path, h)
		mux.Handle("OPTIONS "+path, s.preflight(s.anyone, "GET"))
	}
}

// alive answers as long as the process does.
func (s *server) alive(w http.ResponseWriter, _ *http.Request) {
	setHeaders(w, apiHeaders)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// ErrStopping is what Options.Ready returns once the process is about to end.
var ErrStopping = errors.New("the process is shutting down")

// ready answers as long as the database does, too, and the process stays.
func (s *server) ready(w http.ResponseWriter, r *http.Request) error {
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		detail := "The database does not answer."
		if errors.Is(err, ErrStopping) {
			detail = "The provider is shutting down."
		}
		return &problem{status: http.StatusServiceUnavailable, code: "not_ready", detail: detail, err: err}
	}
	return writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}
