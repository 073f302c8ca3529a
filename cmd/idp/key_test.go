package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"near-idp/internal/keyring"
	"near-idp/internal/pgtest"
)

// keyFile writes a configuration over a database of its own and returns its path.
func keyFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	text := fmt.Sprintf("issuer: https://id.example.com\nnear: {network: testnet}\ndatabase: {url: %q}\nencryption: {keys: [%q]}\n",
		pgtest.DSN(t), "q4yXkT1wJm0Z7u5rN2cV8bLhG3sDfP6e")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func listKeys(t *testing.T, file, alg string) map[string]string {
	t.Helper()
	var list []keyring.KeyInfo
	if err := json.Unmarshal([]byte(capture(t, []string{"key", "list", "-o", "json", "--config", file}, 0)), &list); err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	for _, k := range list {
		if k.Alg == alg {
			states[string(k.State)] = k.KID
		}
	}
	return states
}

// J07
func TestKeysAreRetiredByHand(t *testing.T) {
	file := keyFile(t)
	retire := func(code int, args ...string) string {
		t.Helper()
		return capture(t, append([]string{"key", "retire", "--config", file}, args...), code)
	}
	capture(t, []string{"key", "rotate", "--alg", "ES256", "--config", file}, 0)
	states := listKeys(t, file, "ES256")
	first, waiting := states["active"], states["next"]

	// One that waits is deleted, and the active one signs on.
	if out := retire(0, waiting); !strings.Contains(out, "Key "+waiting+" is deleted") || !strings.Contains(out, "Key "+first+" signs with ES256") {
		t.Error(out)
	}
	if states := listKeys(t, file, "ES256"); states["active"] != first || len(states) != 1 {
		t.Errorf("%v", states)
	}
	// One that signs is kept, and a new one signs.
	out := retire(0, first)
	states = listKeys(t, file, "ES256")
	if !strings.Contains(out, "Key "+first+" signs no more and is kept until 20") || states["retired"] != first || states["active"] == "" || len(states) != 2 {
		t.Errorf("%s%v", out, states)
	}
	retire(exitConflict, first)
	// A compromised one is gone, whatever it did.
	retire(0, first, "--compromised")
	retire(exitNotFound, first, "--compromised")
	second := states["active"]
	retire(0, second, "--compromised")
	if states := listKeys(t, file, "ES256"); states["active"] == "" || states["active"] == second || len(states) != 1 {
		t.Errorf("%v", states)
	}
}

func TestCompromisedMACKeySaysWhatItCosts(t *testing.T) {
	file := keyFile(t)
	capture(t, []string{"key", "rotate", "--alg", "HS256", "--config", file}, 0)
	out := capture(t, []string{"key", "retire", "--compromised", "--config", file, listKeys(t, file, "HS256")["active"]}, 0)
	if !strings.Contains(out, "codes and refresh tokens made with this key are worthless") || !strings.Contains(out, "signs with HS256") {
		t.Error(out)
	}
}

func TestKeyOfAnAlgorithmThatIsOffIsShownSo(t *testing.T) {
	file := keyFile(t)
	capture(t, []string{"key", "rotate", "--alg", "EdDSA", "--now", "--config", file}, 0)
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, append(text, "signing: {algs: [RS256, ES256]}\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	states := listKeys(t, file, "EdDSA")
	if states["off"] == "" || states["retired"] == "" || states["active"] != "" {
		t.Errorf("%v", states)
	}
	capture(t, []string{"key", "retire", "--config", file, states["off"]}, 0)
	if states := listKeys(t, file, "EdDSA"); states["off"] != "" || states["active"] != "" {
		t.Errorf("%v", states)
	}
}
