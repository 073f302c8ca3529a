package admin

import "net/http"

// status tells what runs and whether it can serve.
func (s *Server) status(w http.ResponseWriter, r *http.Request) error {
	database := "ok"
	if err := s.Ready(r.Context()); err != nil {
		database = "unavailable"
	}
	return writeJSON(w, http.StatusOK, map[string]any{
		"issuer": s.Issuer, "version": s.Version, "database": database, "time": s.Now().UTC(),
	})
}

// stats counts what there is.
func (s *Server) stats(w http.ResponseWriter, r *http.Request) error {
	counts, err := s.Store.Stats(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, counts)
}
