package admin

import "net/http"

// A Self says who calls, and which provider answers.
type Self struct {
	Issuer   string   `json:"issuer"`
	Network  string   `json:"network"` // of NEAR
	Version  string   `json:"version"`
	Algs     []string `json:"signing_algs"` // on offer
	Actor    string   `json:"actor"`
	ScopeSet []string `json:"scopes"`
}

// self answers whoever has a key at all.
func (s *Server) self(w http.ResponseWriter, r *http.Request) error {
	p := caller(r)
	return writeJSON(w, http.StatusOK, Self{s.Issuer, s.Network, s.Version, orEmpty(s.Algs), p.Actor, orEmpty(p.Scopes)})
}
