// Package static serves the pages' own files under URLs that carry a hash of
// their content, so that a browser may keep them for ever.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// The scripts and the style sheet are built from src by esbuild; its output is committed.
//
//go:generate go tool -modfile=../../internal/tools/go.mod esbuild src/login.ts src/ledger.ts src/cb.ts src/post.ts src/wait.ts src/fedcm.ts src/console.ts src/style.css src/console.css --bundle --minify --format=esm --target=es2022 --charset=utf8 --log-level=warning --outdir=dist

// Prefix is where Handler expects to be mounted, below the issuer's path.
const Prefix = "/static/"

//go:embed dist/*.css dist/*.js icons/*.svg
var files embed.FS

type asset struct {
	url         string
	contentType string
	integrity   string
	body        []byte
	gzipped     []byte // nil if compression does not pay
}

var byName, byURL = load(files)

// load reads every file once. It panics on an unreadable or unknown file: the
// set is fixed when the program is built, and every test would show it.
func load(fsys fs.FS) (byName, byURL map[string]*asset) {
	byName, byURL = map[string]*asset{}, map[string]*asset{}
	// One for all: a compressor of this level takes most of a megabyte.
	zw, err := gzip.NewWriterLevel(nil, gzip.BestCompression)
	if err != nil {
		panic(fmt.Sprintf("static: %v", err))
	}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		a, err := newAsset(strings.TrimPrefix(name, "dist/"), body, zw)
		if err != nil {
			return err
		}
		byName[strings.TrimPrefix(name, "dist/")], byURL[a.url] = a, a
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("static: embedded files: %v", err))
	}
	return byName, byURL
}

func newAsset(name string, body []byte, zw *gzip.Writer) (*asset, error) {
	ext := path.Ext(name)
	contentType, ok := map[string]string{
		".css": "text/css; charset=utf-8",
		".js":  "text/javascript; charset=utf-8",
		".svg": "image/svg+xml",
	}[ext]
	if !ok {
		return nil, fmt.Errorf("%s: no content type for %q", name, ext)
	}
	hash := sha256.Sum256(body)
	sri := sha512.Sum384(body)
	gzipped, err := compress(body, zw)
	if err != nil {
		return nil, fmt.Errorf("%s: compress: %w", name, err)
	}
	return &asset{
		url:         Prefix + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(hash[:6]) + ext,
		contentType: contentType,
		integrity:   "sha384-" + base64.StdEncoding.EncodeToString(sri[:]),
		body:        body,
		gzipped:     gzipped,
	}, nil
}

// compress returns nil where the saving is not worth a second header.
func compress(body []byte, zw *gzip.Writer) ([]byte, error) {
	var buf bytes.Buffer
	zw.Reset(&buf)
	if _, err := zw.Write(body); err != nil {
		return nil, err
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	if buf.Len() > len(body)*9/10 {
		return nil, nil
	}
	return buf.Bytes(), nil
}

// URL is the path of a file, such as "/static/style.0f3a….css" for "style.css";
// put the issuer's path before it. The names are style.css, login.js, ledger.js, cb.js, post.js, wait.js, fedcm.js, console.css, console.js and
// icons/<wallet id>.svg. It panics on any other name, which is a mistake in the
// program; see WalletIcon for names that come from configuration.
func URL(name string) string { return must(name).url }

// Integrity is the Subresource Integrity value of a file ("sha384-…"). It panics like URL.
func Integrity(name string) string { return must(name).integrity }

// WalletIcon is the path of the icon for a wallet id, or of the neutral one if
// that wallet has none.
func WalletIcon(id string) string {
	if a, ok := byName["icons/"+id+".svg"]; ok {
		return a.url
	}
	return URL("icons/wallet.svg")
}

func must(name string) *asset {
	a, ok := byName[name]
	if !ok {
		panic(fmt.Sprintf("static: no file %q", name))
	}
	return a
}

// Handler answers GET and HEAD below Prefix. Mount it after stripping the
// issuer's path. A name without the right hash is not found: an old page must
// not run a new script.
func Handler() http.Handler { return http.HandlerFunc(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	a, ok := byURL[r.URL.Path]
	if !ok {
		notFound(w)
		return
	}
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", forever)
	send(w, r, a)
}

const forever = "public, max-age=31536000, immutable"

func notFound(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "not found", http.StatusNotFound)
}

// send answers with a file, compressed for those who accept that.
func send(w http.ResponseWriter, r *http.Request, a *asset) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	body := a.body
	if a.gzipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			h.Set("Content-Encoding", "gzip")
			body = a.gzipped
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // the client is gone; there is nobody to tell
}

// acceptsGzip knows "gzip" and "gzip;q=…" (RFC 9110, 12.5.3); a zero weight refuses.
func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		coding, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		q, found := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		return !found || (err == nil && weight > 0)
	}
	return false
}
