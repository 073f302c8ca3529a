package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"near-idp/internal/admin"
	"near-idp/internal/admin/admintest"
	"near-idp/internal/config"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScriptsOverTheNetwork runs the scripts that change the registry against the admin API
// of a provider elsewhere: there is no configuration here, only its address and a key. Every
// request and answer is held to the API's document.
func TestScriptsOverTheNetwork(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Files: []string{
			"testdata/preview.txtar", "testdata/client.txtar", "testdata/client_apply.txtar", "testdata/client_secret.txtar", "testdata/client_snippet.txtar",
			"testdata/api_key.txtar", "testdata/audit.txtar", "testdata/account.txtar", "testdata/elsewhere/key.txtar",
		},
		RequireExplicitExec: true,
		Cmds:                scriptCommands,
		Setup: func(env *testscript.Env) error {
			url := pgtest.DSN(t)
			env.Values[signedInAt{}] = url
			handler, err := elsewhere(t, url, env.Defer)
			if err != nil {
				return err
			}
			server := httptest.NewServer(admintest.Held(t, handler))
			env.Defer(server.Close)
			a := local(handler, func() {})
			var made apiKeyMade
			err = a.do(context.Background(), "POST", apiKeysPath, map[string]any{"scopes": admin.Scopes(), "expires_at": inAYear()}, &made)
			env.Setenv("IDP_ENCRYPTION_KEY", strings.Repeat("k", 40))
			env.Setenv("ACTOR", "key:"+made.ID)
			env.Setenv(envAdminURL, server.URL)
			env.Setenv(envAdminKey, made.Value)
			return err
		},
	})
}

// elsewhere is the admin side of a provider whose configuration is not here.
func elsewhere(t *testing.T, url string, later func(func())) (*admin.Server, error) {
	cfg, err := config.Parse("config.yaml", []byte(`issuer: https://id.example.com
near: {network: testnet}
encryption: {keys: [q4yXkT1wJm0Z7u5rN2cV8bLhG3sDfP6e]}
`), os.LookupEnv)
	if err != nil {
		return nil, err
	}
	store, err := postgres.Open(t.Context(), postgres.Options{URL: url, MaxConns: 2})
	if err != nil {
		return nil, err
	}
	later(store.Close)
	return newAdmin(cfg, store, newPolicies(cfg), newLocalTokens(t.Context(), cfg, store), providerOptions{Log: slog.New(slog.DiscardHandler)}), nil
}

func TestKeyNeverTravelsInTheClear(t *testing.T) {
	t.Setenv(envAdminKey, "idpk_x")
	for base, want := range map[string]string{
		"http://admin.example.com": "would travel in the clear", "ftp://127.0.0.1": "would travel in the clear",
		"admin.example.com": "write the address", "http://10.0.0.1:8081": "would travel in the clear",
		"http://admin.localhost:8081": "would travel in the clear", "http://localhost.example.com": "would travel in the clear",
	} {
		t.Setenv(envAdminURL, base)
		if out := capture(t, []string{"client", "list"}, exitFailure); !strings.Contains(out, want) {
			t.Errorf("%s: %s", base, out)
		}
	}
	t.Setenv(envAdminURL, "http://127.0.0.1:1")
	t.Setenv(envAdminKey, "")
	if out := capture(t, []string{"client", "list"}, exitDenied); !strings.Contains(out, "idp api-key create --local") {
		t.Error(out)
	}
}

// A redirect of whoever answers in the provider's place would be handed the key.
func TestKeyFollowsNoRedirect(t *testing.T) {
	stolen := ""
	thief := httptest.NewServer(handlerFunc(func(header, _ string) { stolen = header }))
	defer thief.Close()
	server := httptest.NewServer(redirectTo(thief.URL))
	defer server.Close()
	t.Setenv(envAdminURL, server.URL)
	t.Setenv(envAdminKey, "idpk_secret")
	t.Chdir(filepath.Clean(t.TempDir()))
	capture(t, []string{"client", "list"}, exitFailure)
	if stolen != "" {
		t.Error("the key went elsewhere")
	}
}

// Whoever answers in the provider's place must not write to the terminal what it likes.
func TestAnswerOfAStrangerDoesNotMoveTheCursor(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"status":409,"code":"conflict","detail":"a\u001b[2J\u001b]0;x\u0007b\u009b1A\rc\u202ed"}`)
	}))
	defer server.Close()
	t.Setenv(envAdminURL, server.URL)
	t.Setenv(envAdminKey, "idpk_secret")
	t.Chdir(filepath.Clean(t.TempDir()))
	out := capture(t, []string{"client", "list"}, exitConflict)
	if strings.ContainsFunc(out, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) || !strings.Contains(out, "[2J") {
		t.Errorf("%q", out)
	}
}

func inAYear() time.Time { return time.Now().AddDate(1, 0, 0) }

func handlerFunc(see func(authorization, path string)) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) { see(r.Header.Get("Authorization"), r.URL.Path) }
}

func redirectTo(base string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, base+r.URL.Path, http.StatusTemporaryRedirect)
	}
}
