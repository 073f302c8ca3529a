package static

import (
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
)

// The button that pages of applications load, and the npm package of the same bytes.
//
//go:generate go tool -modfile=../../internal/tools/go.mod esbuild src/button.css --minify --charset=utf8 --log-level=warning --outdir=dist
//go:generate go tool -modfile=../../internal/tools/go.mod esbuild src/button.ts --bundle --minify --format=esm --target=es2022 --charset=utf8 --loader:.svg=text --loader:.css=text --log-level=warning --outdir=dist
//go:generate cp dist/button.js ../../packages/button/near-signin-button.js
//go:generate cp src/button/near-signin-button.d.ts ../../packages/button/near-signin-button.d.ts
//go:generate cp ../../LICENSE ../../packages/button/LICENSE

// ButtonVersion is that of packages/button.
const ButtonVersion = "1.0.0"

// ButtonPrefix is where ButtonHandler expects to be mounted, below the issuer's path.
const ButtonPrefix = "/button/"

//go:embed src/button/near-signin-button.d.ts published
var buttonFiles embed.FS

// A Button says where the current button is under a name that never has other bytes.
type Button struct {
	Version   string `json:"version"`
	URL       string `json:"url"`
	Integrity string `json:"integrity"` // for Subresource Integrity: "sha384-…"
	Types     string `json:"types"`     // URL of the declarations for TypeScript
}

// CurrentButton is the button of a provider.
func CurrentButton(issuer string) Button {
	a := must("button.js")
	return Button{ButtonVersion, issuer + ButtonPrefix + buttonName(a.body), a.integrity, issuer + ButtonPrefix + "v1.d.ts"}
}

func buttonName(body []byte) string {
	hash := sha256.Sum256(body)
	return "v1." + hex.EncodeToString(hash[:8]) + ".js"
}

// buttons are the files below ButtonPrefix that are the same for every provider.
var buttons = loadButtons(buttonFiles)

// loadButtons panics like load.
func loadButtons(fsys fs.FS) map[string]*asset {
	zw, err := gzip.NewWriterLevel(nil, gzip.BestCompression)
	if err != nil {
		panic(fmt.Sprintf("static: %v", err))
	}
	read := func(name, contentType string) *asset {
		body, err := fs.ReadFile(fsys, name)
		if err != nil {
			panic(fmt.Sprintf("static: %v", err))
		}
		gzipped, err := compress(body, zw)
		if err != nil {
			panic(fmt.Sprintf("static: compress %s: %v", name, err))
		}
		return &asset{contentType: contentType, body: body, gzipped: gzipped}
	}
	current := must("button.js")
	files := map[string]*asset{
		"v1.d.ts":                read("src/button/near-signin-button.d.ts", "application/typescript; charset=utf-8"),
		"v1.js":                  current,
		buttonName(current.body): current,
	}
	earlier, err := fs.Glob(fsys, "published/*.js")
	if err != nil {
		panic(fmt.Sprintf("static: %v", err)) // the pattern is right
	}
	for _, name := range earlier {
		a := read(name, current.contentType)
		files[buttonName(a.body)] = a
	}
	return files
}

// ButtonHandler answers GET and HEAD below ButtonPrefix; whoever mounts it, after
// stripping the issuer's path, allows pages of any origin to read the answers.
//
//	v1.js         the current button, which changes with releases
//	v1.<hash>.js  the same for ever, and those of earlier releases
//	v1.json       a Button, for whoever pins it
//	v1.d.ts       its types
func ButtonHandler(issuer string) http.Handler {
	about, err := json.Marshal(CurrentButton(issuer))
	if err != nil {
		panic(fmt.Sprintf("static: %v", err)) // unreachable: strings always marshal
	}
	description := &asset{contentType: "application/json", body: about}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, ButtonPrefix)
		a := buttons[name]
		if name == "v1.json" {
			a = description
		}
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		// A page that isolates itself (COEP) loads what says this alone.
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		if a == nil {
			notFound(w)
			return
		}
		if name == buttonName(a.body) {
			h.Set("Cache-Control", forever)
		} else {
			etag := entityTag(a.body)
			h.Set("Cache-Control", "public, max-age=300")
			h.Set("ETag", etag)
			if strings.Contains(r.Header.Get("If-None-Match"), etag) {
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		send(w, r, a)
	})
}

// entityTag is a weak one: the bytes may be compressed.
func entityTag(body []byte) string {
	hash := sha256.Sum256(body)
	return `W/"` + hex.EncodeToString(hash[:8]) + `"`
}
