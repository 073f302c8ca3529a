package clients_test

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
)

func TestNewSecretsMeanTheSameBeforeAndAfterFormEncoding(t *testing.T) {
	t.Parallel()
	seen := map[idp.Secret]bool{}
	for range 200 {
		secret, hash := clients.NewSecret()
		if !regexp.MustCompile(`^ncs_[A-Za-z0-9_-]{43}$`).MatchString(string(secret)) || seen[secret] {
			t.Fatalf("secret of the form %q", string(secret)[:8])
		}
		seen[secret] = true
		if url.QueryEscape(string(secret)) != string(secret) {
			t.Fatal("form-encoding changes the secret")
		}
		if sum := sha256.Sum256([]byte(secret)); string(sum[:]) != string(hash) {
			t.Fatal("hash is not the SHA-256")
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v %q", secret, secret, secret, secret), "ncs_") {
			t.Fatal("the secret prints itself")
		}
	}
}

func live(hashes ...[]byte) (secrets []idp.ClientSecret) {
	for _, hash := range hashes {
		secrets = append(secrets, idp.ClientSecret{Hash: hash})
	}
	return secrets
}

// C05: an expired secret stops at its second, whenever the client was read.
func TestSecretStopsAtItsSecond(t *testing.T) {
	t.Parallel()
	expiring, hash1 := clients.NewSecret()
	lasting, hash2 := clients.NewSecret()
	end := time.Now().Truncate(time.Second)
	c := &idp.Client{ID: "a", Secrets: []idp.ClientSecret{{Hash: hash1, ExpiresAt: end}, {Hash: hash2}}}
	for at, want := range map[time.Time]bool{end.Add(-time.Nanosecond): true, end: false, end.Add(time.Hour): false} {
		if clients.CheckSecret(c, string(expiring), at) != want || !clients.CheckSecret(c, string(lasting), at) {
			t.Errorf("%v before its end: accepted is not %v", end.Sub(at), want)
		}
	}
	c.TokenEndpointAuthMethod = idp.AuthPrivateKey
	if clients.CheckSecret(c, string(lasting), end) {
		t.Error("a client that signs is taken at a secret")
	}
}

func TestCheckSecret(t *testing.T) {
	t.Parallel()
	first, hash1 := clients.NewSecret()
	second, hash2 := clients.NewSecret()
	other, _ := clients.NewSecret()
	empty := sha256.Sum256(nil)
	c := &idp.Client{ID: "a", Secrets: live(hash1, hash2)}
	for _, secret := range []idp.Secret{first, second} {
		if !clients.CheckSecret(c, string(secret), time.Now()) {
			t.Error("a live secret is refused")
		}
	}
	for _, given := range []string{"", string(other), string(first) + " ", string(first[1:]), string(hash1), strings.ToUpper(string(first)), strings.Repeat("a", 1<<20)} {
		if clients.CheckSecret(c, given, time.Now()) {
			t.Errorf("%.20q accepted", given)
		}
	}
	for name, c := range map[string]*idp.Client{
		"no secret":         {ID: "a"},
		"truncated hash":    {ID: "a", Secrets: live(hash1[:16])},
		"empty hash":        {ID: "a", Secrets: live([]byte{})},
		"public":            {ID: "a", TokenEndpointAuthMethod: idp.AuthNone, Secrets: live(hash1)},
		"hash of no secret": {ID: "a", TokenEndpointAuthMethod: idp.AuthNone, Secrets: live(empty[:])},
	} {
		if clients.CheckSecret(c, string(first), time.Now()) || clients.CheckSecret(c, "", time.Now()) {
			t.Errorf("%s: accepted", name)
		}
	}
	if clients.CheckSecret(&idp.Client{ID: "a", Secrets: live(empty[:])}, "", time.Now()) {
		t.Error("the empty secret accepted")
	}
}

func TestChosenSecretsThatAreWeakOrAmbiguousAreRefused(t *testing.T) {
	t.Parallel()
	const strong = "0123456789abcdefghijklmnopqrstuv"
	for _, secret := range []string{"", "secret", strong[1:], strong + "+", strong + "%41", strong + " ", strong + "\n", strong + "é", strings.Repeat("a", 1025)} {
		if _, err := clients.HashSecret(idp.Secret(secret)); err == nil {
			t.Errorf("%q: accepted", secret)
		} else if len(secret) > 10 && strings.Contains(err.Error(), secret[:10]) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
	hash, err := clients.HashSecret(strong)
	if err != nil || !clients.CheckSecret(&idp.Client{ID: "a", Secrets: live(hash)}, strong, time.Now()) {
		t.Errorf("strong secret: %v", err)
	}
}
