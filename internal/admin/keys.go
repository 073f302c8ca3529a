package admin

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"near-idp/internal/keyring"
)

var errNoKEK = &problem{Status: http.StatusConflict, Code: "conflict",
	Detail: "This process has no encryption key that fits, so it changes no signing keys: set encryption.keys as the provider has them."}

func (s *Server) listKeys(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Keys.List(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, listed{Items: list})
}

// rotateKeys gives signing keys successors, which sign once relying parties know them, or at once.
func (s *Server) rotateKeys(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Alg string `json:"alg"`
		Now bool   `json:"now"`
	}
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	if body.Alg != "" && !s.Keys.Rotates(body.Alg) {
		return invalid([]fieldProblem{{"alg", fmt.Sprintf("%.20q has no key: use one of %s, or HS256, which makes codes and refresh tokens", body.Alg, strings.Join(s.Keys.Algs, ", "))}})
	}
	if len(s.Keys.KEKs) == 0 {
		return errNoKEK
	}
	if dryRun(r) {
		return noContent(w, s.Keys.CheckRotate(r.Context(), body.Alg, body.Now), "signing key", body.Alg)
	}
	ctx, done := whole(r)
	defer done()
	list, _, err := s.Keys.RotateAll(ctx, body.Alg, body.Now)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, listed{Items: list})
}

// retireKey takes a key out of service; a compromised one is deleted, and all that it signed is worthless.
func (s *Server) retireKey(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Compromised bool `json:"compromised"`
	}
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	if len(s.Keys.KEKs) == 0 {
		return errNoKEK
	}
	kid := r.PathValue("kid")
	if dryRun(r) {
		return noContent(w, s.Keys.CheckTakeOut(r.Context(), kid, body.Compromised), "signing key", kid)
	}
	ctx, done := whole(r)
	defer done()
	retired, err := s.Keys.TakeOut(ctx, kid, body.Compromised)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, retired)
}

// whole is the context of a change of several steps, which a caller who goes away does not leave half done.
func whole(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), 2*keyring.Handover+10*time.Second)
}
