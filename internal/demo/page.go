package demo

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"net/http"
	"path"

	"near-idp/web/static"

	"github.com/a-h/templ"
)

//go:generate go tool -modfile=../tools/go.mod templ generate

//go:embed assets
var assets embed.FS

// headers go with every page. Nothing is inline, nothing comes from elsewhere, and
// no page of another site can frame these.
var headers = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
	"Referrer-Policy":        "no-referrer",
	"Cache-Control":          "no-store",
	"X-Content-Type-Options": "nosniff",
	"X-Frame-Options":        "DENY",
}

// guard answers requests for origin alone, such as "http://127.0.0.1:8081". A name that
// somebody else's DNS points to loopback would otherwise make his page of
// the same origin as ours (DNS rebinding). Requests that change something must
// come from our own pages.
func guard(host string, h http.Handler) http.Handler {
	own := http.NewCrossOriginProtection()
	h = own.Handler(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		if r.Host != host {
			if r.Method == http.MethodGet && r.URL.Path == "/" {
				http.Redirect(w, r, "http://"+host+"/", http.StatusSeeOther)
				return
			}
			http.Error(w, "This is "+host+" and no other host.", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// addFiles serves the sheets, scripts and icons of the pages.
func addFiles(mux *http.ServeMux) {
	mux.Handle("GET "+static.Prefix, static.Handler())
	mux.HandleFunc("GET /assets/{file}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("file")
		switch path.Ext(name) {
		case ".css", ".js", ".svg":
			w.Header().Set("Cache-Control", "no-cache")
			http.ServeFileFS(w, r, assets, "assets/"+name)
		default:
			http.NotFound(w, r)
		}
	})
}

// render writes a page, whole or not at all.
func render(w http.ResponseWriter, status int, page templ.Component) error {
	var body bytes.Buffer
	if err := page.Render(context.Background(), &body); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = body.WriteTo(w) // the browser is gone; there is nobody to tell
	return nil
}
