package admin

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"near-idp/internal/idp"
)

func (s *Server) listClients(w http.ResponseWriter, r *http.Request) error {
	page, err := pageOf(r)
	if err != nil {
		return err
	}
	list, next, err := s.Clients.Page(r.Context(), idp.ClientQuery{Search: r.URL.Query().Get("q"), After: page.after, Limit: page.limit})
	if err != nil {
		return err
	}
	items := make([]json.RawMessage, len(list))
	for i, c := range list {
		if items[i], err = Document(c); err != nil {
			return err
		}
	}
	return writeJSON(w, http.StatusOK, listed{items, cursor(next)})
}

// createClient registers a client. The secret, if it has one, is in this answer and never again.
func (s *Server) createClient(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	c, secret, err := parseDocument(body)
	if err != nil {
		return err
	}
	if err := applyPreset(&c); err != nil {
		return err
	}
	if dryRun(r) {
		full, err := s.Clients.Check(r.Context(), c, secret)
		if err != nil {
			return err
		}
		return s.writeClient(w, http.StatusOK, full, "")
	}
	full, shown, err := s.Clients.Create(r.Context(), c, secret)
	if err != nil {
		return err
	}
	if secret != "" {
		shown = "" // its owner has it
	}
	w.Header().Set("Location", "/admin/v1/clients/"+full.ID)
	return s.writeClient(w, http.StatusCreated, full, shown)
}

func (s *Server) getClient(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Clients.Client(r.Context(), r.PathValue("client_id"))
	if err != nil {
		return err
	}
	if r.Header.Get("If-None-Match") == etag(c) {
		w.Header().Set("ETag", etag(c))
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return s.writeClient(w, http.StatusOK, c, "")
}

// replaceClient sets every field: what the body leaves out gets its default.
func (s *Server) replaceClient(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	to, secret, err := parseDocument(body)
	if err != nil {
		return err
	}
	return s.changeClient(w, r, func(stored idp.Client) (idp.Client, error) {
		switch {
		case secret != "":
			return stored, invalid([]fieldProblem{{"client_secret", "cannot be changed here: POST to /secrets"}})
		case to.ID != "" && to.ID != stored.ID:
			return stored, invalid([]fieldProblem{{"client_id", "is not the one of the URL; an id never changes"}})
		}
		return to, nil
	})
}

// patchClient sets what the body names and leaves the rest (RFC 7396); null means the default.
func (s *Server) patchClient(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r, "application/merge-patch+json")
	if err != nil {
		return err
	}
	var patch map[string]any
	if err := decode(body, &patch); err != nil {
		return err
	}
	return s.changeClient(w, r, func(stored idp.Client) (idp.Client, error) {
		if id, given := patch["client_id"]; given && id != stored.ID {
			return stored, invalid([]fieldProblem{{"client_id", "is not the one of the URL; an id never changes"}})
		}
		return patched(stored, patch)
	})
}

// changeClient stores what change makes of a client, if it is still the one that the caller read.
func (s *Server) changeClient(w http.ResponseWriter, r *http.Request, change func(idp.Client) (idp.Client, error)) error {
	version, err := ifMatch(r)
	if err != nil {
		return err
	}
	do := s.Clients.Patch
	if dryRun(r) {
		do = s.Clients.CheckPatch
	}
	full, err := do(r.Context(), r.PathValue("client_id"), version, func(c *idp.Client) error {
		to, err := change(*c)
		if err == nil {
			*c = to
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.writeClient(w, http.StatusOK, full, "")
}

func (s *Server) deleteClient(w http.ResponseWriter, r *http.Request) error {
	version, err := ifMatch(r)
	if err != nil {
		return err
	}
	do := s.Clients.Remove
	if dryRun(r) {
		do = s.Clients.CheckRemove
	}
	id := r.PathValue("client_id")
	return noContent(w, do(r.Context(), id, version), "client", id)
}

func (s *Server) writeClient(w http.ResponseWriter, status int, c idp.Client, secret idp.Secret) error {
	doc, err := documentWith(c, secret)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(c))
	return writeJSON(w, status, doc)
}

// etag names the state of a client. Its secrets are resources of their own.
func etag(c idp.Client) string { return `"` + c.Version() + `"` }

// ifMatch is the version for which a change was made (RFC 9110 section 13.1.1); "" is any.
func ifMatch(r *http.Request) (version string, err error) {
	given := r.Header.Get("If-Match")
	if given == "" || given == "*" {
		return "", nil
	}
	version, opened := strings.CutPrefix(given, `"`)
	version, closed := strings.CutSuffix(version, `"`)
	if !opened || !closed || version == "" {
		return "", invalid([]fieldProblem{{"If-Match", "must be one ETag, in its quotes"}})
	}
	return version, nil
}

func (s *Server) listSecrets(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Clients.Client(r.Context(), r.PathValue("client_id"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, listed{Items: orEmpty(c.Secrets)})
}

func (s *Server) addSecret(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		ExpiresAt time.Time `json:"expires_at"`
	}
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	if !body.ExpiresAt.IsZero() && !body.ExpiresAt.After(s.Now()) {
		return invalid([]fieldProblem{{"expires_at", body.ExpiresAt.Format(time.RFC3339) + " is past"}})
	}
	if id := r.PathValue("client_id"); dryRun(r) {
		return noContent(w, s.Clients.CheckAddSecret(r.Context(), id), "client", id)
	}
	stored, secret, err := s.Clients.AddSecret(r.Context(), r.PathValue("client_id"), body.ExpiresAt)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, struct {
		idp.ClientSecret
		Value string `json:"client_secret"`
	}{stored, string(secret)})
}

func (s *Server) revokeSecret(w http.ResponseWriter, r *http.Request) error {
	do := s.Clients.DeleteSecret
	if dryRun(r) {
		do = s.Clients.CheckDeleteSecret
	}
	id := r.PathValue("secret_id")
	return noContent(w, do(r.Context(), r.PathValue("client_id"), id), "secret", id)
}

// listed is a page of a list.
type listed struct {
	Items any    `json:"items"`
	Next  string `json:"next_cursor,omitempty"`
}
