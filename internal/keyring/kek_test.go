package keyring

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"near-idp/internal/idp"
)

func TestParseKEKRefusesWeakSecrets(t *testing.T) {
	t.Parallel()
	for _, weak := range []string{
		"", "changeme", strings.Repeat("a", 64), strings.Repeat("changeme", 8), "  " + secretA[1:] + "\n",
		"0123456789abcdef0123456789abcdef", // 16 bytes in hexadecimal
	} {
		if _, err := ParseKEK(weak); err == nil || !strings.Contains(err.Error(), "openssl rand -base64 32") {
			t.Errorf("%q: %v", weak, err)
		} else if weak != "" && strings.Contains(err.Error(), strings.TrimSpace(weak)) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
	for _, good := range []string{
		secretA, secretA + "\n", "8J+RiyBoZWxsbyB3b3JsZCwgMzIgYnl0ZXMgbG9uZyE=",
		"3f1c9a0b7d2e4856c1a2b3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718",
	} {
		if _, err := ParseKEK(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	if kek(t, secretA).fingerprint != kek(t, secretA+"\n").fingerprint {
		t.Error("the line feed at the end of a file changes the key")
	}
}

func TestKEKNeverPrintsItself(t *testing.T) {
	t.Parallel()
	k := kek(t, secretA)
	for _, verb := range []string{"%v", "%+v", "%s"} {
		if text := fmt.Sprintf(verb, k); len(text) != 8 {
			t.Errorf("%s prints %q", verb, text)
		}
	}
}

func TestWrappedKeysComeBackOnlyUnderTheirOwnName(t *testing.T) {
	t.Parallel()
	a, b := kek(t, secretA), kek(t, secretB)
	row := idp.SigningKey{KID: "k1", Alg: hs256, Wrapped: a.wrap("k1", hs256, []byte("private part"))}
	if bytes.Contains(row.Wrapped, []byte("private")) {
		t.Fatal("not wrapped")
	}
	if got, err := unwrap([]KEK{b, a}, row); err != nil || string(got) != "private part" {
		t.Errorf("rotated keys: %q, %v", got, err)
	}
	altered := func(change func(*idp.SigningKey)) idp.SigningKey {
		k := row
		k.Wrapped = bytes.Clone(row.Wrapped)
		change(&k)
		return k
	}
	for name, k := range map[string]idp.SigningKey{
		"another kid": altered(func(k *idp.SigningKey) { k.KID = "k2" }),
		"another alg": altered(func(k *idp.SigningKey) { k.Alg = idp.RS256 }),
		"flipped bit": altered(func(k *idp.SigningKey) { k.Wrapped[len(k.Wrapped)-1] ^= 1 }),
		"cut short":   altered(func(k *idp.SigningKey) { k.Wrapped = k.Wrapped[:sealedAt+3] }),
		"empty":       altered(func(k *idp.SigningKey) { k.Wrapped = nil }),
		"new version": altered(func(k *idp.SigningKey) { k.Wrapped[0] = 2 }),
	} {
		if _, err := unwrap([]KEK{a, b}, k); err == nil {
			t.Errorf("%s: unwrapped", name)
		}
	}
}

func TestWrongKEKNamesTheConfigurationAndTheKey(t *testing.T) {
	t.Parallel()
	_, err := newSnapshot(keys(), vault(t, secretB), start)
	if err == nil {
		t.Fatal("opened with a wrong key")
	}
	for _, want := range []string{"encryption.keys", keys()[0].KID, kek(t, secretA).String(), kek(t, secretB).String()} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q: %v", want, err)
		}
	}
}

func TestWeakOrMistakenStoredKeysAreRefused(t *testing.T) {
	t.Parallel()
	k := kek(t, secretA)
	_, es, err := generate(idp.ES256)
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]idp.SigningKey{
		"EC key for RS256": {KID: "x", Alg: idp.RS256, Wrapped: k.wrap("x", idp.RS256, es)},
		"short MAC key":    {KID: "x", Alg: hs256, Wrapped: k.wrap("x", hs256, []byte("short"))},
		"not PKCS 8":       {KID: "x", Alg: idp.EdDSA, Wrapped: k.wrap("x", idp.EdDSA, []byte("junk"))},
	} {
		if _, err := newSnapshot(append([]idp.SigningKey{row}, keys()...), vault(t, secretA), start); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := newSnapshot(keys()[1:1+len(asymmetric)], vault(t, secretA), start); err == nil {
		t.Error("a ring without a MAC key opened")
	}
}
