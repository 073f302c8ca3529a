package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"near-idp/internal/idp"
)

// An accountPage is what there is of an account.
type accountPage struct {
	page
	Form    form
	Account *idp.Account // nil: none was looked up
	Blocked []idp.Block
	NextURL string
}

func (s *Server) accounts(w http.ResponseWriter, r *http.Request) error {
	v := accountPage{page: s.view(r, sectionAccounts, "Accounts"), Form: blank(url.Values{})}
	if id := strings.TrimSpace(r.URL.Query().Get("id")); id != "" {
		redirect(w, "/accounts/"+url.PathEscape(id))
		return nil
	}
	q := url.Values{"limit": {"100"}}
	if cursor := r.URL.Query().Get("cursor"); cursor != "" {
		q.Set("cursor", cursor)
	}
	var list listOf[idp.Block]
	if err := s.get(r, "/blocked-accounts", q, &list); err != nil {
		return err
	}
	v.Blocked = list.Items
	if list.Next != "" {
		v.NextURL = "/accounts?" + url.Values{"cursor": {list.Next}}.Encode()
	}
	return s.render(w, r, http.StatusOK, accountsPage(v))
}

func (s *Server) showAccount(w http.ResponseWriter, r *http.Request) error {
	return s.renderAccount(w, r, blank(url.Values{}))
}

func (s *Server) renderAccount(w http.ResponseWriter, r *http.Request, f form) error {
	id := r.PathValue("account")
	v := accountPage{page: s.view(r, sectionAccounts, id), Form: f, Account: &idp.Account{}}
	err := s.get(r, accountPath(id), nil, v.Account)
	if p, ok := errors.AsType[*problem](err); ok && p.Status < http.StatusInternalServerError {
		return &failure{status: p.Status, code: p.Code, heading: "Nothing is known of this account", text: p.Detail,
			actionURL: "/accounts", actionText: "Look another one up", err: err}
	}
	if err != nil {
		return err
	}
	return s.render(w, r, f.status(), accountDetails(v))
}

func accountPath(id string) string { return "/accounts/" + url.PathEscape(id) }

// changeAccount makes a call about the account of the address and shows it again.
func (s *Server) changeAccount(done, method string, path func(r *http.Request) string, body func(r *http.Request) any) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id := r.PathValue("account")
		c := call{method: method, path: accountPath(id) + path(r)}
		if body != nil {
			c.body = body(r)
		}
		if _, err := s.ask(r, c, nil); err != nil {
			f, err := refused(r.PostForm, err, "reason")
			if err != nil {
				return err
			}
			return s.renderAccount(w, r, f)
		}
		redirect(w, accountPath(id)+"?done="+done)
		return nil
	}
}

func verb(name string) func(*http.Request) string { return func(*http.Request) string { return name } }

func part(collection, name string) func(*http.Request) string {
	return func(r *http.Request) string { return collection + "/" + url.PathEscape(r.PathValue(name)) }
}

func reason(r *http.Request) any { return map[string]any{"reason": r.PostForm.Get("reason")} }
