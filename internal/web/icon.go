package web

import (
	"net/http"
	"strconv"

	"near-idp/internal/icon"
)

// IconPath is where an icon of Options.Icons is served, below the issuer.
func IconPath(i *icon.Icon) string { return "/icons/" + i.Name() }

// serveIcons serves pictures of the operator's, under names that change with them. Opened by
// itself one is a document of our origin, which the sandbox takes every power from.
func serveIcons(icons []*icon.Icon) http.Handler {
	byName := map[string]*icon.Icon{}
	for _, i := range icons {
		byName[i.Name()] = i
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		i, ok := byName[r.PathValue("file")]
		if !ok {
			h.Set("Cache-Control", "no-store")
			http.Error(w, "not found", http.StatusNotFound)
			return
		}
		h.Set("Content-Type", i.ContentType)
		h.Set("Content-Length", strconv.Itoa(len(i.Body)))
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		_, _ = w.Write(i.Body) // the client is gone; there is nobody to tell
	})
}
