package static

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

const testIssuer = "https://id.example.com/auth"

func getButton(t *testing.T, method, name string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, ButtonPrefix+name, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	ButtonHandler(testIssuer).ServeHTTP(w, r)
	return w.Result()
}

func TestButtonStaysWithinItsBudget(t *testing.T) {
	t.Parallel()
	if n := len(must("button.js").body); n > 9000 {
		t.Errorf("the button has %d bytes, more than its budget of 9000", n)
	}
}

// Applications have policies without exceptions, and their pages talk to the issuer alone.
func TestButtonNeedsNoExceptionFromAPolicy(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval(", "Function(", ".style", "cssText", "import(", "opener.", "postMessage(window", "https://", "console."} {
		if bytes.Contains(must("button.js").body, []byte(word)) {
			t.Errorf("the button contains %q", word)
		}
	}
}

func TestButtonIsServedToEverybody(t *testing.T) {
	t.Parallel()
	pinned := path.Base(CurrentButton(testIssuer).URL)
	for name, want := range map[string]struct{ contentType, cache string }{
		"v1.js":   {"text/javascript; charset=utf-8", "public, max-age=300"},
		pinned:    {"text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		"v1.json": {"application/json", "public, max-age=300"},
		"v1.d.ts": {"application/typescript; charset=utf-8", "public, max-age=300"},
	} {
		res := getButton(t, "GET", name)
		text := body(t, res.Body)
		if res.StatusCode != http.StatusOK || len(text) == 0 {
			t.Errorf("%s: status %d, %d bytes", name, res.StatusCode, len(text))
		}
		for header, want := range map[string]string{
			"Content-Type": want.contentType, "Cache-Control": want.cache,
			"Cross-Origin-Resource-Policy": "cross-origin", "X-Content-Type-Options": "nosniff",
		} {
			if got := res.Header.Get(header); got != want {
				t.Errorf("%s: %s = %q, want %q", name, header, got, want)
			}
		}
		head := getButton(t, "HEAD", name)
		if head.StatusCode != http.StatusOK || len(body(t, head.Body)) != 0 || head.Header.Get("Content-Length") != res.Header.Get("Content-Length") {
			t.Errorf("HEAD %s: status %d, %v", name, head.StatusCode, head.Header)
		}
	}
	if res := getButton(t, "GET", "v1.js", "Accept-Encoding", "gzip"); res.Header.Get("Content-Encoding") != "gzip" || res.Header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("not compressed: %v", res.Header)
	}
}

func TestButtonIsRevalidated(t *testing.T) {
	t.Parallel()
	etag := getButton(t, "GET", "v1.js").Header.Get("ETag")
	if res := getButton(t, "GET", "v1.js", "If-None-Match", etag); etag == "" || res.StatusCode != http.StatusNotModified {
		t.Errorf("%q: status %d", etag, res.StatusCode)
	}
	if res := getButton(t, "GET", "v1.js", "If-None-Match", `W/"0000000000000000"`); res.StatusCode != http.StatusOK {
		t.Errorf("another tag: status %d", res.StatusCode)
	}
}

// A pinned address that served other bytes, or none of a name that is guessed.
func TestPinnedButtonHasNoOtherBytes(t *testing.T) {
	t.Parallel()
	about := CurrentButton(testIssuer)
	var published Button
	if err := json.Unmarshal(body(t, getButton(t, "GET", "v1.json").Body), &published); err != nil || published != about {
		t.Errorf("v1.json says %+v (%v), want %+v", published, err, about)
	}
	name, ok := strings.CutPrefix(about.URL, testIssuer+ButtonPrefix)
	if !ok {
		t.Fatalf("the button is at %s", about.URL)
	}
	sum := sha512.Sum384(body(t, getButton(t, "GET", name).Body))
	if want := "sha384-" + base64.StdEncoding.EncodeToString(sum[:]); about.Integrity != want {
		t.Errorf("integrity %s, want %s", about.Integrity, want)
	}
	for _, name := range []string{"v1.0000000000000000.js", "v1", "v2.js", "v1..js", "button.js", "", "README.md", "../static.go"} {
		res := getButton(t, "GET", name)
		if res.StatusCode != http.StatusNotFound || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%q: status %d, cache %q", name, res.StatusCode, res.Header.Get("Cache-Control"))
		}
	}
}

func TestEarlierButtonsAreServedUnderTheirHash(t *testing.T) {
	t.Parallel()
	types, err := buttonFiles.ReadFile("src/button/near-signin-button.d.ts")
	if err != nil {
		t.Fatal(err)
	}
	earlier := []byte("export const earlier = 1")
	files := loadButtons(fstest.MapFS{
		"src/button/near-signin-button.d.ts":  {Data: types},
		"published/" + buttonName(earlier):    {Data: earlier},
		"published/v1.0123456789abcdef.js.md": {Data: []byte("no button")},
	})
	if a := files[buttonName(earlier)]; a == nil || !bytes.Equal(a.body, earlier) || len(files) != 4 {
		t.Errorf("served: %v", files)
	}
	for name := range files {
		if a := files[name]; strings.HasSuffix(name, ".js") && name != "v1.js" && name != buttonName(a.body) {
			t.Errorf("%s holds %s", name, buttonName(a.body))
		}
	}
	kept, err := filepath.Glob("published/*.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range kept {
		text, err := os.ReadFile(file)
		if err != nil || filepath.Base(file) != buttonName(text) {
			t.Errorf("%s should be called %s (%v)", file, buttonName(text), err)
		}
	}
}

// What npm would publish is what the provider serves.
func TestPackageHoldsTheButton(t *testing.T) {
	t.Parallel()
	folder := filepath.Join("..", "..", "packages", "button")
	for file, want := range map[string][]byte{"near-signin-button.js": must("button.js").body, "near-signin-button.d.ts": buttons["v1.d.ts"].body} {
		if got, err := os.ReadFile(filepath.Join(folder, file)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is another one, run go generate ./web/static (%v)", file, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(folder, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Name         string            `json:"name"`
		Version      string            `json:"version"`
		Dependencies map[string]string `json:"dependencies"`
		Scripts      map[string]string `json:"scripts"`
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.Name != "near-signin-button" || manifest.Version != ButtonVersion || len(manifest.Dependencies)+len(manifest.Scripts) > 0 {
		t.Errorf("package.json: %+v, want version %s, no dependencies and no scripts", manifest, ButtonVersion)
	}
}

// The declarations name every export, and no other.
func TestDeclarationsNameEveryExport(t *testing.T) {
	t.Parallel()
	script := string(must("button.js").body)
	_, list, ok := strings.Cut(script[strings.LastIndex(script, "export{"):], "export{")
	if !ok {
		t.Fatal("the button exports nothing")
	}
	declared := string(buttons["v1.d.ts"].body)
	count := 0
	for export := range strings.SplitSeq(strings.TrimRight(list, "};\n"), ",") {
		_, name, _ := strings.Cut(export, " as ")
		count++
		if !strings.Contains(declared, "export function "+name+"(") && !strings.Contains(declared, "export class "+name+" ") {
			t.Errorf("%q is not declared", name)
		}
	}
	if n := strings.Count(declared, "export function ") + strings.Count(declared, "export class "); n != count {
		t.Errorf("%d exports, %d declarations", count, n)
	}
}
