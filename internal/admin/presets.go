package admin

import (
	"net/http"

	"near-idp/internal/idp"
	"near-idp/internal/presets"
)

// applyPreset fills in what a registration that names a preset leaves out.
func applyPreset(c *idp.Client) error {
	if c.Preset == "" {
		return nil
	}
	preset, err := presets.Find(c.Preset)
	if err != nil {
		return invalid([]fieldProblem{{extension + ".preset", err.Error()}})
	}
	if err := preset.Apply("", c); err != nil {
		return invalid([]fieldProblem{{"client_uri", err.Error()}})
	}
	return nil
}

// applyPresetToEntry is applyPreset for a client of a list. One with redirect_uris or
// grant_types, as all have that were registered or exported, says all that it is: what such a
// document leaves out was taken away.
func applyPresetToEntry(c *idp.Client) error {
	if len(c.RedirectURIs)+len(c.GrantTypes) > 0 {
		return nil
	}
	return applyPreset(c)
}

func (s *Server) listPresets(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, listed{Items: presets.List()})
}

// snippet tells what to paste into the software of a client. Its secret is not known here.
func (s *Server) snippet(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Clients.Client(r.Context(), r.PathValue("client_id"))
	if err != nil {
		return err
	}
	preset, err := presets.Find(r.PathValue("preset"))
	if err != nil {
		return &problem{Status: http.StatusNotFound, Code: "not_found", Detail: sentence(err)}
	}
	made, err := preset.Snippet(presets.Context{Issuer: s.Issuer, Client: c, AdminGroup: r.URL.Query().Get("admin_group")})
	if err != nil {
		return invalid([]fieldProblem{{"preset", err.Error()}})
	}
	return writeJSON(w, http.StatusOK, made)
}
