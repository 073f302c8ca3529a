package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func get(t *testing.T, method, url string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, url, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r io.Reader) []byte {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestScriptsStayWithinTheirBudget(t *testing.T) {
	t.Parallel()
	for name, budget := range map[string]int{"login.js": 12 << 10, "ledger.js": 5 << 10, "cb.js": 4 << 10, "post.js": 1 << 10, "wait.js": 1 << 10, "style.css": 16 << 10, "console.js": 4 << 10, "console.css": 24 << 10} {
		if n := len(must(name).body); n > budget {
			t.Errorf("%s has %d bytes, more than its budget of %d", name, n, budget)
		}
	}
}

// The policy has no exception for either, so a script that needs one is broken.
func TestScriptsNeedNoExceptionFromThePolicy(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"login.js", "ledger.js", "cb.js", "post.js", "wait.js", "console.js"} {
		for _, word := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", ".style.", "https://"} {
			if bytes.Contains(must(name).body, []byte(word)) {
				t.Errorf("%s contains %q", name, word)
			}
		}
	}
}

func TestEveryFileIsServedForEverUnderItsHash(t *testing.T) {
	t.Parallel()
	for name, a := range byName {
		res := get(t, "GET", URL(name))
		if res.StatusCode != http.StatusOK || !bytes.Equal(body(t, res.Body), a.body) {
			t.Errorf("%s: status %d or another body", name, res.StatusCode)
		}
		for header, want := range map[string]string{
			"Cache-Control":                "public, max-age=31536000, immutable",
			"X-Content-Type-Options":       "nosniff",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Content-Type":                 a.contentType,
		} {
			if got := res.Header.Get(header); got != want {
				t.Errorf("%s: %s = %q, want %q", name, header, got, want)
			}
		}
		if !strings.HasPrefix(URL(name), "/static/") {
			t.Errorf("URL(%q) = %q", name, URL(name))
		}
	}
}

func TestAnotherHashIsNotFound(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/static/style.css", "/static/style.000000000000.css", "/static/", "/static/../static.go", "/static/dist/login.js", "/", "/static/src/login.ts",
	} {
		res := get(t, "GET", path)
		if res.StatusCode != http.StatusNotFound || strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: status %d, cache %q", path, res.StatusCode, res.Header.Get("Cache-Control"))
		}
	}
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	t.Parallel()
	res := get(t, "POST", URL("style.css"))
	if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: status %d, Allow %q", res.StatusCode, res.Header.Get("Allow"))
	}
	head := get(t, "HEAD", URL("style.css"))
	if head.StatusCode != http.StatusOK || len(body(t, head.Body)) != 0 || head.Header.Get("Content-Length") == "" {
		t.Errorf("HEAD: status %d, Content-Length %q", head.StatusCode, head.Header.Get("Content-Length"))
	}
}

func TestGzipOnlyWhereItIsAccepted(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{
		"": "", "gzip": "gzip", "br, GZIP;q=0.5": "gzip", "gzip;q=0": "", "gzip; q=0.0": "", "gzip;q=x": "", "gzipped": "",
	} {
		res := get(t, "GET", URL("login.js"), "Accept-Encoding", accept)
		if got := res.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: Content-Encoding %q, want %q", accept, got, want)
		}
		if res.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: caches are not told that it matters", accept)
		}
		if want == "" {
			continue
		}
		zr, err := gzip.NewReader(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(body(t, zr), must("login.js").body) {
			t.Errorf("Accept-Encoding %q: another body", accept)
		}
	}
}

func TestIntegrityIsOfTheServedBytes(t *testing.T) {
	t.Parallel()
	sum := sha512.Sum384(body(t, get(t, "GET", URL("login.js")).Body))
	if want := "sha384-" + base64.StdEncoding.EncodeToString(sum[:]); Integrity("login.js") != want {
		t.Errorf("Integrity = %q, want %q", Integrity("login.js"), want)
	}
}

func TestAnUnknownWalletHasTheNeutralIcon(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"acme", "", "../style", "wallet"} {
		if got := WalletIcon(id); got != URL("icons/wallet.svg") {
			t.Errorf("WalletIcon(%q) = %q, want the neutral icon", id, got)
		}
	}
	for _, id := range []string{"mynearwallet", "meteor", "intear", "hot", "nightly", "okx", "sender", "bitte", "development"} {
		if WalletIcon(id) == URL("icons/wallet.svg") {
			t.Errorf("WalletIcon(%q) is the neutral icon", id)
		}
	}
}
