package admin

import (
	"context"
	"errors"
	"net/http"

	"near-idp/internal/idp"
	"near-idp/internal/near"
	"near-idp/internal/oauth"
)

// Tokens issues tokens and knows them again; *oauth.Provider does.
type Tokens interface {
	Preview(c *idp.Client, who idp.Identity, scope string, resources []string) (*oauth.Preview, error)
	Examine(ctx context.Context, token string) (*oauth.Introspection, error)
	EndToken(ctx context.Context, token string, dry bool) error
}

var errNoTokens = &problem{Status: http.StatusConflict, Code: "conflict",
	Detail: "This process issues no tokens: ask the admin API of the running provider (IDP_ADMIN_URL)."}

var errNoToken = &problem{Status: http.StatusNotFound, Code: "not_found", Detail: "This is no live access token or refresh token of this provider."}

// preview tells what a client would learn about an account, without anything that
// could be used as a token.
func (s *Server) preview(w http.ResponseWriter, r *http.Request) error {
	if s.Tokens == nil {
		return errNoTokens
	}
	c, err := s.Clients.Client(r.Context(), r.PathValue("client_id"))
	if err != nil {
		return err
	}
	q := r.URL.Query()
	account, err := near.ParseAccountID(q.Get("account_id"))
	if err != nil {
		return invalid([]fieldProblem{{"account_id", err.Error()}})
	}
	who := idp.Identity{Subject: string(account), AccountID: string(account), Network: s.Network, PublicKey: "ed25519:11111111111111111111111111111111", SID: "preview"}
	made, err := s.Tokens.Preview(&c, who, q.Get("scope"), q["resource"])
	if refused, ok := errors.AsType[*oauth.Error](err); ok {
		return invalid([]fieldProblem{{"resource", refused.Description}})
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, made)
}

// tokenOf reads a body that holds a token. It is in a body, since addresses are logged.
func (s *Server) tokenOf(w http.ResponseWriter, r *http.Request) (string, error) {
	if s.Tokens == nil {
		return "", errNoTokens
	}
	var body struct {
		Token string `json:"token"`
	}
	if err := readJSON(w, r, &body); err != nil {
		return "", err
	}
	if body.Token == "" {
		return "", invalid([]fieldProblem{{"token", "is missing: send an access token or a refresh token"}})
	}
	return body.Token, nil
}

func (s *Server) introspectToken(w http.ResponseWriter, r *http.Request) error {
	token, err := s.tokenOf(w, r)
	if err != nil {
		return err
	}
	found, err := s.Tokens.Examine(r.Context(), token)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, found)
}

// revokeToken ends the grant of a token, and with it every token of that grant.
func (s *Server) revokeToken(w http.ResponseWriter, r *http.Request) error {
	token, err := s.tokenOf(w, r)
	if err != nil {
		return err
	}
	err = s.Tokens.EndToken(r.Context(), token, dryRun(r))
	if errors.Is(err, idp.ErrNotFound) {
		return errNoToken
	}
	return noContent(w, err, "", "")
}
