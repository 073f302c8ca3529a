package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"near-idp/internal/trial"
)

const (
	newEncryptionKey   = "Zq4yXkT1wJm0Z7u5rN2cV8bLhG3sDfP6eA1"
	wrongEncryptionKey = "Wm9aEo2iUy7tRw5qPz1xCv3bNn8mKj6hG2B"
)

// restart ends a process and starts it again where it was.
func (p *process) restart() {
	p.Helper()
	p.Stop()
	p.Process = trial.Serve(p.TB, p.command(context.Background(), "serve", "--config", p.config), trial.Answers(http.DefaultClient, p.base+"/readyz"))
}

// encryptWith writes another list of encryption keys into the configuration of a process.
func (p *process) encryptWith(list string) {
	p.Helper()
	text, err := os.ReadFile(p.config)
	if err != nil {
		p.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "encryption:") })
	lines[i] = "encryption: {keys: [" + list + "]}"
	if err := os.WriteFile(p.config, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		p.Fatal(err)
	}
}

// hangUp makes a process read its configuration and waits until the log says so.
func (p *process) hangUp(says string) {
	p.Helper()
	before := strings.Count(p.Written.String(), says)
	if err := p.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
		p.Fatal(err)
	}
	eventually(p, "the log says "+says, 20*time.Second, func() bool { return strings.Count(p.Written.String(), says) > before })
}

// wrappers lists what wraps the signing keys.
func (p *process) wrappers() (names []string) {
	p.Helper()
	var list []struct {
		EncryptionKey string `json:"encryption_key"`
	}
	if err := json.Unmarshal([]byte(p.run("key", "list", "--config", p.config, "-o", "json")), &list); err != nil {
		p.Fatal(err)
	}
	for _, k := range list {
		if !slices.Contains(names, k.EncryptionKey) {
			names = append(names, k.EncryptionKey)
		}
	}
	return names
}

// The key that wraps the others is replaced while people sign in, at the one replica by a
// hang-up and at the other by a restart. No login fails, nobody sees other keys.
func TestEncryptionKeyIsReplacedWhilePeopleSignIn(t *testing.T) {
	t.Parallel()
	replicas := twoReplicas(t)
	a, b := replicas[0], replicas[1]
	before := publishedKeys(a)
	people := newLoad(t, 3, a, b)
	people.more(10)
	first := a.wrappers()
	step := func(list string) {
		t.Helper()
		a.encryptWith(list)
		a.hangUp("configuration applied")
		people.more(5)
		people.rest(b)
		b.encryptWith(list)
		b.restart()
		people.use(b)
		people.more(10)
	}
	step(`"${ENCRYPTION_KEY}", "` + newEncryptionKey + `"`)
	if got := a.wrappers(); !slices.Equal(got, first) {
		t.Errorf("a key that is only added wraps: %v, before %v", got, first)
	}

	// A mistake: nothing could be read any more. The replica goes on as it was.
	a.encryptWith(`"` + wrongEncryptionKey + `"`)
	a.hangUp("not in force yet")
	people.more(5)

	// In between, while the replicas disagree which key is first, a signing key is made with either.
	a.encryptWith(`"` + newEncryptionKey + `", "${ENCRYPTION_KEY}"`)
	a.hangUp("configuration applied")
	b.run("key", "rotate", "--config", b.config, "--alg", "ES256")
	if got := a.wrappers(); len(got) != 2 {
		t.Errorf("the keys are wrapped by %v", got)
	}
	people.more(5)
	step(`"` + newEncryptionKey + `", "${ENCRYPTION_KEY}"`)
	last := a.wrappers()
	if len(last) != 1 || last[0] == first[0] {
		t.Errorf("the keys are wrapped by %v, and were by %v", last, first)
	}
	step(`"` + newEncryptionKey + `"`)
	people.end()
	if after := publishedKeys(b); len(after) != len(before)+1 {
		t.Errorf("published are %v, and were %v", after, before)
	} else {
		for _, kid := range before {
			if !slices.Contains(after, kid) {
				t.Errorf("%v is published no more", kid)
			}
		}
	}
	for _, p := range replicas {
		for _, secret := range []string{newEncryptionKey, wrongEncryptionKey, encryptionKey} {
			if strings.Contains(p.Written.String(), secret) {
				t.Error("the log shows an encryption key")
			}
		}
	}
	// Not even the former key opens anything now.
	a.encryptWith(`"${ENCRYPTION_KEY}"`)
	a.fails("encryption.keys: signing key", "key", "rotate", "--config", a.config)
}
