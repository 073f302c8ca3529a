package console

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"near-idp/internal/admin"
)

// A statusView tells what runs.
type statusView struct {
	page
	Facts []fact
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) error {
	var now struct {
		Issuer   string    `json:"issuer"`
		Version  string    `json:"version"`
		Database string    `json:"database"`
		Time     time.Time `json:"time"`
	}
	var self admin.Self
	if err := errors.Join(s.get(r, "/status", nil, &now), s.get(r, "/self", nil, &self)); err != nil {
		return err
	}
	v := statusView{page: s.view(r, sectionStatus, "Status"), Facts: []fact{
		{"Issuer", []string{now.Issuer}, true}, {"Discovery", []string{now.Issuer + "/.well-known/openid-configuration"}, true},
		{"Database", []string{now.Database}, false}, {"NEAR network", []string{self.Network}, false},
		{"Signing algorithms", []string{strings.Join(self.Algs, " ")}, true}, {"Version", []string{now.Version}, true},
		{"Clock", []string{moment(now.Time)}, false}, {"Administrators", s.Admins(), true},
	}}
	return s.render(w, r, http.StatusOK, statusPage(v))
}
