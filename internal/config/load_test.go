package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// required is the least that is valid, less the keys that extra sets again.
func required(extra string) string {
	text := ""
	for key, line := range map[string]string{
		"issuer":     "issuer: https://id.example.com\n",
		"near":       "near: {network: mainnet}\n",
		"encryption": "encryption: {keys: [\"${IDP_ENCRYPTION_KEY}\"]}\n",
	} {
		if !strings.HasPrefix(extra, key+":") && !strings.Contains(extra, "\n"+key+":") {
			text += line
		}
	}
	return extra + "\n" + text
}

func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path, testEnv)
}

func mustLoad(t *testing.T, text string) *Config {
	t.Helper()
	c, err := load(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaultsFollowTheIssuerAndTheNetwork(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, required("issuer: http://localhost:8080\nnear: {network: testnet}"))
	if c.Near.Recipient != "localhost" || c.Branding.Name != "localhost" {
		t.Errorf("recipient %q, name %q", c.Near.Recipient, c.Branding.Name)
	}
	if c.Near.NonceTTL.Std() != 5*time.Minute || !strings.Contains(c.Near.RPC[0], "testnet") || len(c.Wallets) != 9 || c.Wallets[6].URL != "https://testnet.mynearwallet.com" {
		t.Errorf("%+v %+v", c.Near, c.Wallets)
	}
}

func TestEveryMistakeIsReportedWithItsLine(t *testing.T) {
	t.Parallel()
	_, err := load(t, `issuer: http://id.example.com
listen:
  pubic: ":8080"
database:
  url: ${MISSING}
  max_conns: many
near:
  network: mainet
encryption:
  keys: [short]
encryption: {}
`)
	if err == nil {
		t.Fatal("accepted")
	}
	lines := strings.Split(err.Error(), "\n")
	want := []string{
		"config.yaml:1: issuer: \"http://id.example.com\" is not https",
		"config.yaml:3: listen.pubic: unknown key; did you mean \"public\"?",
		"config.yaml:5: database.url: the environment variable MISSING is not set",
		"config.yaml:6: database.max_conns: \"many\" is not a whole number",
		"config.yaml:8: near.network: \"mainet\" is not known: did you mean \"mainnet\"?",
		"config.yaml:10: encryption.keys[0]: the key has 5 characters and needs 32",
		"config.yaml:11: encryption: this key is already on line 9",
	}
	if len(lines) != len(want) {
		t.Fatalf("%d errors:\n%s", len(lines), err)
	}
	for i := range want {
		if !strings.Contains(lines[i], want[i]) {
			t.Errorf("got  %s\nwant %s", lines[i], want[i])
		}
	}
}

func TestEmptyFileLacksOnlyTheRequiredKeys(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing\n", "---\n", "{}"} {
		_, err := load(t, text)
		if err == nil {
			t.Fatalf("%q was accepted", text)
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != 3 {
			t.Errorf("%q: %s", text, err)
		}
		for _, key := range []string{"issuer", "near.network", "encryption.keys"} {
			if !strings.Contains(err.Error(), "config.yaml: "+key+": required") && !strings.Contains(err.Error(), ": "+key+": required") {
				t.Errorf("%q: %s is not asked for: %s", text, key, err)
			}
		}
	}
}

func TestUnknownKeySuggestsTheNearest(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"isuer: x":                               `isuer: unknown key; did you mean "issuer"?`,
		"recipient: x":                           `recipient: unknown key; did you mean "near.recipient"?`,
		"near: {network: mainnet, nonceTTL: 1m}": `near.nonceTTL: unknown key; did you mean "nonce_ttl"?`,
		"clients: [{redirectUris: []}]":          `clients[0].redirectUris: unknown key; did you mean "redirect_uris"?`,
		"listen: {metrics: x}":                   `listen.metrics: unknown key; the keys in listen are public, tls, admin`,
		"<<: {}":                                 `"<<": unknown key; the keys here are issuer, listen`,
		"\"\\e[31m\": x":                         `"\x1b[31m": unknown key`,
	} {
		if _, err := load(t, required(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestNotQuiteYAMLIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"issuer: [": "config.yaml:",
		"database: {url: ${IDP_DATABASE_URL}, a: 1}":         `put quotes around "${NAME}"`,
		"issuer: a\n---\nissuer: b":                          "second YAML document",
		"listen:\n\tpublic: x":                               "spaces, not tabs",
		"issuer: &a https://a.example\nbranding: {name: *a}": "aliases are not supported",
		"issuer: *a":                        "put quotes around it",
		"issuer: !!binary aGk=":             "tags are not supported",
		"- issuer":                          "must be a group of keys",
		"issuer: {a: b}":                    "must be a single value",
		"near: mainnet":                     "near: must be a group of keys (network, rpc",
		"encryption: {keys: abc}":           "encryption.keys: must be a list",
		"encryption: {keys: [~]}":           "encryption.keys[0]: this element is empty",
		"database: {migrate_on_start: yes}": `"yes" is neither true nor false`,
		"? [a]\n: b":                        "a key must be a word",
		"issuer: \"a\\nb\"":                 "control character",
	} {
		_, err := load(t, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q\ngot  %v\nwant %s", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "yaml: line") {
			t.Errorf("%q: the library's own words: %s", text, err)
		}
	}
}

func TestPrintShowsNoSecret(t *testing.T) {
	t.Parallel()
	c, err := Load(exampleFile, testEnv)
	if err != nil {
		t.Fatal(err)
	}
	c.Near.RPC = append(c.Near.RPC, "https://rpc.example/v1/0123456789abcdef0123", "https://user:hunter2@rpc.example/?apiKey=q1w2e3")
	var out strings.Builder
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"db-password", "encryption-key", "grafana-secret", "0123456789abcdef", "hunter2", "q1w2e3", "key-of-the-collector"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("printed %s", secret)
		}
	}
	for _, want := range []string{"url: '[redacted]'", "recipient: id.example.com", "refresh_idle: 30d", "client_id: grafana", "https://rpc.example/v1/[redacted]"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %s:\n%s", want, out.String())
		}
	}
}

func TestMistakesShowNoSecret(t *testing.T) {
	t.Parallel()
	_, err := load(t, required("encryption: {keys: [hunter2]}\nclients: [{client_id: a, secret: hunter2}]\nnear: {network: mainnet, rpc: ['ftp://x/hunter2', 'http://rpc.example/hunter2']}\nissuer: https://u:hunter2@id.example"))
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

func TestFindNamesThePlaces(t *testing.T) {
	t.Chdir(t.TempDir())
	none := func(string) (string, bool) { return "", false }
	if _, err := os.Stat(places[1]); err == nil {
		t.Skip("this machine has " + places[1])
	}
	if _, err := Find("", none); err == nil || !strings.Contains(err.Error(), "config.example.yaml") {
		t.Error(err)
	}
	if err := os.WriteFile("config.yaml", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if path, err := Find("", none); path != "config.yaml" || err != nil {
		t.Error(path, err)
	}
	if path, _ := Find("", func(string) (string, bool) { return "/env.yaml", true }); path != "/env.yaml" {
		t.Error(path)
	}
	if path, _ := Find("flag.yaml", func(string) (string, bool) { return "/env.yaml", true }); path != "flag.yaml" {
		t.Error(path)
	}
	if _, err := Load("/nonexistent/config.yaml", none); err == nil || !strings.Contains(err.Error(), "copy config.example.yaml") {
		t.Error(err)
	}
}
