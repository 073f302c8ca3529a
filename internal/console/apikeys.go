package console

import (
	"net/http"
	"net/url"

	"near-idp/internal/admin"
	"near-idp/internal/idp"
)

// An apiKeyPage is the list of API keys, and one that was made just now.
type apiKeyPage struct {
	page
	Keys   []idp.APIKey
	Form   form
	Made   *idp.APIKey
	Value  string
	Scopes []string
}

var keyLives = []option{{"30d", "in 30 days"}, {"90d", "in 90 days"}, {"365d", "in a year"}, {"1d", "in a day"}}

func (s *Server) apiKeys(w http.ResponseWriter, r *http.Request) error {
	return s.renderAPIKeys(w, r, apiKeyPage{Form: blank(url.Values{})})
}

func (s *Server) renderAPIKeys(w http.ResponseWriter, r *http.Request, v apiKeyPage) error {
	v.page, v.Scopes = s.view(r, sectionAPIKeys, "API keys"), admin.Scopes()
	var list listOf[idp.APIKey]
	if err := s.get(r, "/api-keys", nil, &list); err != nil {
		return err
	}
	v.Keys = list.Items
	return s.render(w, r, v.Form.status(), apiKeysPage(v))
}

// makeAPIKey answers with the page that shows the key. It is no address to come back to.
func (s *Server) makeAPIKey(w http.ResponseWriter, r *http.Request) error {
	values := r.PostForm
	ends, err := s.expiry(values.Get("expires"))
	if err != nil || ends.IsZero() {
		f := blank(values)
		f.add("expires_at", "Choose when it expires.")
		return s.renderAPIKeys(w, r, apiKeyPage{Form: f})
	}
	body := map[string]any{"name": values.Get("name"), "scopes": append([]string{}, values["scopes"]...), "expires_at": ends}
	var made struct {
		idp.APIKey
		Value string `json:"key"`
	}
	if _, err := s.ask(r, call{method: http.MethodPost, path: "/api-keys", body: body}, &made); err != nil {
		f, err := refused(values, err, "name", "scopes", "expires_at")
		if err != nil {
			return err
		}
		return s.renderAPIKeys(w, r, apiKeyPage{Form: f})
	}
	return s.renderAPIKeys(w, r, apiKeyPage{Form: blank(url.Values{}), Made: &made.APIKey, Value: made.Value})
}

func (s *Server) keyRevocation(r *http.Request) confirmation {
	id := r.PathValue("key")
	return confirmation{page: s.view(r, sectionAPIKeys, "Revoke the API key?"), Action: at("api-keys", id, "revoke"), Back: at("api-keys"),
		Texts: []string{"Whatever calls with idpk_" + id + " is refused from now on. This cannot be undone."}, Button: "Revoke"}
}

func (s *Server) askRevokeKey(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, http.StatusOK, confirmPage(s.keyRevocation(r)))
}

func (s *Server) revokeKey(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.ask(r, call{method: http.MethodDelete, path: "/api-keys/" + url.PathEscape(r.PathValue("key"))}, nil); err != nil {
		return err
	}
	redirect(w, "/api-keys?done=revoked")
	return nil
}
