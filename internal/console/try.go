package console

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// A tryPage shows what a client would be given for an account.
type tryPage struct {
	clientPage
	Form    form
	Preview *preview // nil: none was asked for yet
}

// A preview is what the API says that a client would be given.
type preview struct {
	Scopes      []string        `json:"scopes"`
	Denied      string          `json:"denied"` // why it would be given nothing
	IDToken     decoded         `json:"id_token"`
	AccessToken decoded         `json:"access_token"`
	UserInfo    json.RawMessage `json:"userinfo"`
}

// A decoded token has no signature.
type decoded struct {
	Header json.RawMessage `json:"header"`
	Claims json.RawMessage `json:"claims"`
}

func (s *Server) tryClient(w http.ResponseWriter, r *http.Request) error {
	c, _, err := s.readClient(r)
	if err != nil {
		return err
	}
	asked := r.URL.Query()
	account, scope := strings.TrimSpace(asked.Get("account_id")), strings.TrimSpace(asked.Get("scope"))
	v := tryPage{
		clientPage: clientPage{page: s.view(r, sectionClients, "Try "+c.DisplayName()), Client: c, Tab: tabTry},
		Form:       blank(url.Values{"account_id": {account}, "scope": {scope}}),
	}
	if account != "" {
		q := url.Values{"account_id": {account}}
		if scope != "" {
			q.Set("scope", scope)
		}
		v.Preview = &preview{}
		if err := s.get(r, clientPath(c.ID)+"/preview", q, v.Preview); err != nil {
			v.Preview = nil
			if v.Form, err = refused(v.Form.Values, err, "account_id", "scope"); err != nil {
				return err
			}
		}
	}
	return s.render(w, r, v.Form.status(), tryClientPage(v))
}

// pretty writes JSON as people read it.
func pretty(text json.RawMessage) string {
	var out bytes.Buffer
	if json.Indent(&out, text, "", "  ") != nil {
		return ""
	}
	return out.String()
}
