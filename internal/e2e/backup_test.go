package e2e

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"

	"github.com/coreos/go-oidc/v3/oidc"
)

// asks signs in to a client that is not ours and reports whether the person was asked to allow it.
func (b *browser) asks(q request) (asked bool) {
	b.Helper()
	c := b.authorize("/authorize?" + q.form().Encode())
	r := b.postJSON(c.path()+"/verify", b.answer(c))
	to := strings.TrimPrefix(r.text("redirect_to"), b.issuer)
	if r.status != http.StatusOK {
		b.Fatalf("verify: %d %s", r.status, r.body)
	}
	if asked = strings.HasPrefix(to, "/consent/"); asked {
		r = b.send("POST", to, "decision=allow", "Content-Type", typeForm, "Sec-Fetch-Site", "same-origin")
		if r.status != http.StatusSeeOther {
			b.Fatalf("consent: %d %s", r.status, r.body)
		}
	}
	return asked
}

// The database is lost. Out of the backup and the encryption key comes the same provider: what
// it signed verifies, clients keep their secrets, people their sub and what they allowed.
func TestRestoredProviderIsTheSame(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.more = `  - {client_id: asking, client_name: Asking, secret: "${CLIENT_SECRET}", redirect_uris: ["` + redirectURI + `"]}
`
	p := s.serve()
	tokens := p.signIn("es256", "openid offline_access")
	if !p.browser().asks(newRequest("asking", "openid profile")) {
		t.Fatal("nobody was asked")
	}
	// Somebody made bob.testnet anew after it had been deleted.
	if _, err := connect(t, s.dsn).Exec(t.Context(), `
		INSERT INTO subjects (network, account_id, incarnation, closed_at) VALUES ('testnet', 'bob.testnet', 1, now()), ('testnet', 'bob.testnet', 2, NULL)`); err != nil {
		t.Fatal(err)
	}
	secret := s.run("client", "create", "--config", p.config, "--id", "made", "--redirect-uri", redirectURI, "--first-party", "-o", "env")
	jwks := p.browser().send("GET", "/jwks", "").body

	file := filepath.Join(s.dir, "idp.backup")
	s.run("backup", "--config", p.config, file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	s.fails("exists and is not replaced", "backup", "--config", p.config, file)
	s.fails("the database is not empty", "restore", "--config", p.config, file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{clientSecret, encryptionKey, strings.Split(strings.TrimSpace(secret), "=")[1], tokens["refresh_token"].(string)} {
		if strings.Contains(string(text), private) {
			t.Errorf("the backup shows %.8s…", private)
		}
	}
	p.Stop()

	s.dsn = pgtest.DSN(t)
	config := s.configure(s.port, "http://127.0.0.1:1")
	s.refusesWhatIsNoBackupOfIt(config, text)
	s.run("restore", "--dry-run", "--config", config, file)
	out := s.run("restore", "--config", config, file)
	if !strings.Contains(out, " 1 consents") || !strings.Contains(out, " 3 subjects") {
		t.Error(out)
	}
	p = s.serve()
	b := p.browser()
	if got := b.send("GET", "/jwks", "").body; got != jwks {
		t.Errorf("the keys were\n%s\nand are\n%s", jwks, got)
	}
	if _, err := oidc.NewRemoteKeySet(context.Background(), p.base+"/jwks").VerifySignature(t.Context(), tokens["id_token"].(string)); err != nil {
		t.Error(err)
	}
	p.signIn("es256", "openid") // with the same secret, as the same sub
	if b.asks(newRequest("asking", "openid profile")) {
		t.Error("alice is asked again for what she has allowed")
	}
	if r := b.postForm("/token", refresh("es256", tokens["refresh_token"])); r.text("error") != "invalid_grant" {
		t.Errorf("a grant that is not in the backup: %d %s", r.status, r.body)
	}
	if list := s.run("client", "list", "--config", p.config); !strings.Contains(list, "made") {
		t.Error(list)
	}
	s.alice = neartest.NewWallet("bob.testnet")
	s.chain.AddKey("bob.testnet", s.alice.PublicKey(), neartest.FullAccess)
	q := newRequest("es256", "openid")
	b = p.browser()
	bob := b.postForm("/token", q.redeem(b.visit("/authorize?"+q.form().Encode()).Query().Get("code")))
	if sub := b.userInfo(bob.text("access_token")).text("sub"); sub != "bob.testnet#2" {
		t.Errorf("bob is %q, and was bob.testnet#2", sub)
	}
	if out := s.run("audit", "query", "--config", p.config, "--type", "backup."); !strings.Contains(out, "backup.restored") {
		t.Error(out)
	}
}

// refusesWhatIsNoBackupOfIt tries files and configurations that do not belong together. After each the database is as empty as before.
func (s *site) refusesWhatIsNoBackupOfIt(config string, whole []byte) {
	s.Helper()
	try := func(want, text, config string, env ...string) {
		s.Helper()
		file := filepath.Join(s.dir, "touched.backup")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			s.Fatal(err)
		}
		for _, args := range [][]string{{"restore", "--config", config, file}, {"restore", "--dry-run", "--config", config, file}} {
			cmd := s.command(s.Context(), args...)
			cmd.Env = append(cmd.Env, env...)
			if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
				s.Errorf("idp %v: %v, want %q\n%.400s", args, err, want, out)
			}
		}
	}
	other := func(old, new string) string {
		s.Helper()
		text, err := os.ReadFile(config)
		file := filepath.Join(s.dir, "other.yaml")
		if err != nil || os.WriteFile(file, []byte(strings.Replace(string(text), old, new, 1)), 0o600) != nil {
			s.Fatal(err)
		}
		return file
	}
	text := string(whole)
	try("cut off after", text[:len(text)-1], config)
	try("cut off after", text[:len(text)/2], config)
	try("changed or damaged", strings.Replace(text, "bob.testnet", "eve.testnet", 1), config)
	try("format 2", strings.Replace(text, `"version":1`, `"version":2`, 1), config)
	try("this is no backup", "\x1f\x8b", config)
	try("the backup is of", text, other(s.issuer, "http://127.0.0.1:9"))
	try("the backup is of", text, other("network: testnet", "network: mainnet"))
	try("was sealed with the encryption key of fingerprint", text, config, "ENCRYPTION_KEY=another-"+encryptionKey)
	if n := count(s, s.dsn, "SELECT (SELECT count(*) FROM clients) + (SELECT count(*) FROM signing_keys) + (SELECT count(*) FROM subjects)"); n != 0 {
		s.Errorf("%d rows of what was refused", n)
	}
}

// fails runs a command that must fail with certain words.
func (s *site) fails(words string, args ...string) {
	s.Helper()
	if out, err := s.command(s.Context(), args...).CombinedOutput(); err == nil || !strings.Contains(string(out), words) {
		s.Errorf("idp %s: %v, want %q\n%s", strings.Join(args, " "), err, words, out)
	}
}
