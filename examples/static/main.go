// Command static serves one page, whose people sign in with NEAR in the browser
// alone: there is no server to keep a secret or a session. Any web server does, with
// these headers.
//
// It reads ISSUER and CLIENT_ID from the environment, and PORT or BASE_URL, where it
// is reached. `examples/run static` sets what it must.
package main

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

//go:embed index.html page.js page.css
var files embed.FS

// A button says where the provider has it, and what its bytes are.
type button struct {
	URL       string `json:"url"`
	Integrity string `json:"integrity"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "examples/static:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	issuer, clientID, port := os.Getenv("ISSUER"), os.Getenv("CLIENT_ID"), cmp.Or(os.Getenv("PORT"), "3000")
	if issuer == "" || clientID == "" {
		return errors.New("ISSUER or CLIENT_ID is not set; `idp client create` prints both")
	}
	b, err := currentButton(ctx, issuer)
	if err != nil {
		return fmt.Errorf("the provider's button: %w", err)
	}
	var page bytes.Buffer
	err = template.Must(template.ParseFS(files, "index.html")).Execute(&page, map[string]any{
		"Button": b, "ClientID": clientID,
	})
	if err != nil {
		return err
	}
	server := &http.Server{Addr: "127.0.0.1:" + port, Handler: handler(page.Bytes(), issuer, b.URL), ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	fmt.Println("Open", cmp.Or(os.Getenv("BASE_URL"), "http://127.0.0.1:"+port))
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("%w; PORT names another port", err)
	}
	return nil
}

// currentButton asks the provider for the button of today. A page that is put on the
// web has the answer written into it instead, so that nobody, the provider included,
// can give it another script.
func currentButton(ctx context.Context, issuer string) (b button, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, issuer+"/button/v1.json", nil)
	if err != nil {
		return b, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return b, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return b, fmt.Errorf("%s answers %s", r.URL, answer.Status)
	}
	return b, json.NewDecoder(answer.Body).Decode(&b)
}

func handler(page []byte, issuer, script string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page) // the browser is gone; nobody to tell
	})
	mux.Handle("GET /page.js", http.FileServerFS(files))
	mux.Handle("GET /page.css", http.FileServerFS(files))
	// Two scripts run and no other, the provider alone is asked, and no text becomes markup.
	policy := "default-src 'none'; script-src 'self' " + script + "; style-src 'self'; connect-src " + issuer + "/; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer") // the address holds a code for a moment
		h.Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}
