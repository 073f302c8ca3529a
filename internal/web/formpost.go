package web

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"near-idp/internal/clients"
	"near-idp/web/templates"
)

// formPost answers an application by a form that the browser posts to its
// redirect URI. The policy of this one page allows that origin and no other;
// the code is in the body, and so in no history, log or referrer.
func (s *server) formPost(w http.ResponseWriter, r *http.Request, client, to string, values url.Values) error {
	origin := clients.Origin(to)
	if origin == "" || strings.ContainsAny(origin, " ;,'\"*") {
		return errors.New("a form cannot be posted to the redirect URI")
	}
	policy := strings.Replace(pageHeaders.Get("Content-Security-Policy"), "form-action 'self'", "form-action 'self' "+origin, 1)
	w.Header().Set("Content-Security-Policy", policy)
	page := templates.Post{Page: s.view(r, entryOf(r).reader().T("Continue"), "post.js"), To: to, ClientName: client}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		page.Fields = append(page.Fields, templates.Field{Name: name, Value: values.Get(name)})
	}
	return render(w, r, http.StatusOK, templates.PostPage(page))
}
