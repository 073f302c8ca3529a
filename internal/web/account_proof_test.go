package web_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Y06: the proof that people download holds by the program of docs/account.md, which has nothing of ours, and
// no longer once anything in it is changed.
func TestProofIsVerifiedByTheProgramOfTheDocumentation(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node")
	}
	docs, err := os.ReadFile("../../docs/account.md")
	must(t, err)
	_, program, found := strings.Cut(string(docs), "```js\n")
	program, _, closed := strings.Cut(program, "```")
	if !found || !closed {
		t.Fatal("docs/account.md has no program")
	}
	dir := t.TempDir()
	script, file := filepath.Join(dir, "verify.mjs"), filepath.Join(dir, "near-sign-in.json")
	must(t, os.WriteFile(script, []byte(program), 0o600))
	b := newProvider(t).browser()
	for _, bound := range []bool{false, true} {
		c := b.begin()
		signed := answer(b.alice, c)
		if bound {
			signed["signature"] = b.alice.Sign(c.Message, c.NonceBytes, c.Recipient, &c.CallbackURL)
		}
		if r := b.postJSON(c.path+"/verify", signed); r.status != http.StatusOK {
			t.Fatalf("verify: %d %s", r.status, r.body)
		}
		r := b.send("GET", "/account/proof.json", "")
		if r.status != http.StatusOK || r.header.Get("Content-Disposition") != `attachment; filename="near-sign-in.json"` || r.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("proof: %d %v %s", r.status, r.header, r.body)
		}
		proof := r.json(t)
		if _, covers := proof["callback_url"]; covers != bound {
			t.Errorf("callback_url %v", proof["callback_url"])
		}
		run := func() error {
			text, err := json.Marshal(proof)
			must(t, err)
			must(t, os.WriteFile(file, text, 0o600))
			return exec.CommandContext(t.Context(), node, script, file).Run()
		}
		if err := run(); err != nil {
			t.Errorf("bound %v: %v %s", bound, err, r.body)
		}
		for member, wrong := range map[string]string{"message": "Sign in to evil.example", "recipient": "evil.example", "callback_url": "https://evil.example"} {
			right, had := proof[member]
			proof[member] = wrong
			if run() == nil {
				t.Errorf("bound %v: another %s is accepted", bound, member)
			}
			if proof[member] = right; !had {
				delete(proof, member)
			}
		}
	}
}
