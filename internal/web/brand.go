package web

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"near-idp/internal/idp"
	"near-idp/web/templates"
)

// logoURL is where our copy of a client's logo is served, "" if there is none.
func (s *server) logoURL(c *idp.Client) string {
	if c.Logo.Hash == "" || s.Logo == nil {
		return ""
	}
	return s.base + "/logo/" + c.Logo.Hash + ".png"
}

// mark stands for a client on pages.
func (s *server) mark(c *idp.Client) templates.Mark {
	return templates.Mark{Name: c.DisplayName(), LogoURL: s.logoURL(c), Color: c.BrandColor}
}

// accented is a page about an application, in its colour if it has one.
func accented(p templates.Page, m templates.Mark) templates.Page {
	p.Accent = cmp.Or(m.Color, p.Accent)
	return p
}

// logo serves our copy of a client's logo under a name that changes with it. It was drawn by us, and
// is shown on our own pages alone.
func (s *server) logo(w http.ResponseWriter, r *http.Request) error {
	hash, isPNG := strings.CutSuffix(r.PathValue("file"), ".png")
	if !isPNG || s.Logo == nil {
		return errNoPage
	}
	png, err := s.Logo(r.Context(), hash)
	if errors.Is(err, idp.ErrNotFound) { // of an old page, or a guess
		return errNoPage
	}
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "image/png")
	h.Set("Content-Length", strconv.Itoa(len(png)))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(png) // the client is gone; there is nobody to tell
	return nil
}
