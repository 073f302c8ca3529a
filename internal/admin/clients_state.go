package admin

import (
	"net/http"

	"near-idp/internal/idp"
)

// disableClient keeps a client that nobody can sign in to any more.
func (s *Server) disableClient(w http.ResponseWriter, r *http.Request) error {
	return s.setDisabled(w, r, true)
}

func (s *Server) enableClient(w http.ResponseWriter, r *http.Request) error {
	return s.setDisabled(w, r, false)
}

func (s *Server) setDisabled(w http.ResponseWriter, r *http.Request, disabled bool) error {
	version, err := ifMatch(r)
	if err != nil {
		return err
	}
	id := r.PathValue("client_id")
	var c idp.Client
	switch {
	case dryRun(r):
		c, err = s.Clients.CheckDisabled(r.Context(), id, version, disabled)
	case disabled:
		c, err = s.Clients.Disable(r.Context(), id, version)
	default:
		c, err = s.Clients.Enable(r.Context(), id, version)
	}
	if err != nil {
		return err
	}
	return s.writeClient(w, http.StatusOK, c, "")
}

// validateClient tells what a registration would be, whether its id is taken or not.
func (s *Server) validateClient(w http.ResponseWriter, r *http.Request) error {
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
	full, err := s.Clients.Validate(c, secret)
	if err != nil {
		return err
	}
	return s.writeClient(w, http.StatusOK, full, "")
}
