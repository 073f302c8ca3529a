package admin

import (
	"bytes"
	"mime"
	"net/http"
	"strings"

	"near-idp/internal/clients"
	"near-idp/internal/config"
)

const (
	typeJSON = "application/json"
	typeYAML = "application/yaml" // RFC 9512
)

// export writes the clients that the API owns as the document that import, and the command
// line, read: the same clients make the same bytes.
func (s *Server) export(w http.ResponseWriter, r *http.Request) error {
	hashes := r.URL.Query().Get("hashes") == "true"
	// Whoever has them can make a registry that takes the same secrets.
	if hashes && !caller(r).May(ScopeClientsWrite) {
		return forbidden(ScopeClientsWrite)
	}
	list, err := s.Clients.Export(r.Context())
	if err != nil {
		return err
	}
	registrations := make([]config.Registration, len(list))
	for i, c := range list {
		registrations[i] = config.Register(c, hashes)
	}
	kind := typeJSON
	if strings.Contains(r.Header.Get("Accept"), "yaml") {
		kind = typeYAML
	}
	var out bytes.Buffer
	if err := config.WriteClients(&out, registrations, kind == typeJSON); err != nil {
		return err
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(out.Bytes()) // nobody is there any more
	return nil
}

// importClients applies such a document.
func (s *Server) importClients(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r, typeYAML)
	if err != nil {
		return err
	}
	name := "document.json"
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == typeYAML {
		name = "document.yaml"
	}
	document, err := config.ParseClients(name, body, nil)
	if err != nil {
		return unprocessable(documentLines(err))
	}
	list := make([]clients.Entry, len(document))
	for i, c := range document {
		list[i] = clients.Entry{Client: c.Client.Client, Secret: c.Secret, Secrets: c.Hashes(), Where: c.Where}
		if err := applyPresetToEntry(&list[i].Client); err != nil {
			return err
		}
	}
	q := r.URL.Query()
	return s.apply(w, r, list, clients.ApplyOptions{Prune: q.Get("prune") == "true", PruneMany: q.Get("prune_many") == "true"})
}

func documentLines(err error) (list []fieldProblem) {
	for line := range strings.Lines(err.Error()) {
		list = append(list, fieldProblem{"document", strings.TrimSpace(line)})
	}
	return list
}
