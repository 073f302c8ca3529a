package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"near-idp/internal/idp"
)

// A client is one as the API writes it: the registered members, and ours in "idp".
type client struct {
	idp.Client
	lastError *clientError
}

func (c *client) UnmarshalJSON(text []byte) error {
	var own struct {
		IDP json.RawMessage `json:"idp"`
	}
	if err := json.Unmarshal(text, &own); err != nil {
		return err
	}
	if err := json.Unmarshal(text, &c.Client); err != nil {
		return err
	}
	return json.Unmarshal(own.IDP, &c.Client)
}

// A clientError is a request of a client that was refused.
type clientError struct {
	Time time.Time `json:"time"`
}

// managedBy says who may change a client.
func managedBy(c client) string {
	switch {
	case c.LeftFile():
		return "a file, until lately"
	case c.ManagedBy != idp.ManagedByConfig:
		return "admin API"
	case c.Source != "":
		return c.Source
	}
	return "configuration file"
}

// Clients on a page of the list.
const clientsOnPage = "50"

// A clientList is the page of all clients.
type clientList struct {
	page
	Search  string
	Clients []client
	NextURL string
	Later   bool // not the first page
}

func (s *Server) listClients(w http.ResponseWriter, r *http.Request) error {
	asked := r.URL.Query()
	q := url.Values{"limit": {clientsOnPage}}
	for _, name := range []string{"q", "cursor"} {
		if text := asked.Get(name); text != "" {
			q.Set(name, text)
		}
	}
	var list listOf[client]
	if err := s.get(r, "/clients", q, &list); err != nil {
		return err
	}
	refusals, err := s.refusedLately(r)
	if err != nil {
		return err
	}
	for i, c := range list.Items {
		list.Items[i].lastError = refusals[c.ID]
	}
	view := clientList{page: s.view(r, sectionClients, "Clients"), Search: asked.Get("q"), Clients: list.Items, Later: asked.Get("cursor") != ""}
	if list.Next != "" {
		next := url.Values{"cursor": {list.Next}}
		if view.Search != "" {
			next.Set("q", view.Search)
		}
		view.NextURL = "/clients?" + next.Encode()
	}
	return s.render(w, r, http.StatusOK, clientsPage(view))
}
