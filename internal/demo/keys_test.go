package demo

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"near-idp/internal/idp"
)

func idpSecret(text string) idp.Secret { return idp.Secret(text) }

func TestKeyIsMadeOnceAndForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "encryption.key")
	var keys [8]idp.Secret
	var group sync.WaitGroup
	for i := range keys {
		group.Go(func() {
			var err error
			if keys[i], err = LoadKey(path); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, key := range keys {
		if key != keys[0] || len(key) < 32 {
			t.Errorf("keys of %d and %d characters differ", len(key), len(keys[0]))
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %s", info.Mode())
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".key-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUnsafeKeyFileIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"readable by all": {testKey, 0o644, "chmod 600"},
		"cut off":         {testKey[:20], 0o600, "32 bytes"},
		"empty":           {"", 0o600, "32 bytes"},
	} {
		path := filepath.Join(t.TempDir(), "encryption.key")
		if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := LoadKey(path)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && c.text != "" && strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: the error shows the key", name)
		}
	}
}
