package demo

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"near-idp/internal/idp"
)

// keyBytes is the size of a development key before it is written in base64.
const keyBytes = 32

// LoadKey reads the secret of a development directory, and makes it on the first
// start, in a file that only its owner can read. It is the provider's encryption key, and
// what else must outlive a restart is derived from it.
func LoadKey(path string) (idp.Secret, error) {
	key, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("development key: %w", err)
	}
	if err := createKey(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("development key: %w", err)
	}
	return readKey(path) // of whoever was first
}

func readKey(path string) (idp.Secret, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", fmt.Errorf("development key: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("development key %s must be a file that only its owner can read, and is %s: chmod 600 it", path, info.Mode())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("development key: %w", err)
	}
	key := strings.TrimSpace(string(text))
	if raw, err := base64.StdEncoding.Strict().DecodeString(key); err != nil || len(raw) != keyBytes {
		return "", fmt.Errorf("development key %s is not %d bytes in base64: without it the database is unreadable, so delete the whole directory to start afresh", path, keyBytes)
	}
	return idp.Secret(key), nil
}

// createKey links the finished file into place, so that nobody ever reads half a key.
func createKey(path string) error {
	raw := make([]byte, keyBytes)
	rand.Read(raw) // never fails
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(raw) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

// ClientSecret is the demo application's secret: the same after a restart, and
// never the same in two directories.
func ClientSecret(key idp.Secret) idp.Secret {
	return idp.Secret(hex.EncodeToString(derive(key, "demo client secret")))
}

// derive makes 32 bytes for one purpose (RFC 5869).
func derive(key idp.Secret, purpose string) []byte {
	out, err := hkdf.Key(sha256.New, []byte(key), nil, "idp dev: "+purpose, keyBytes)
	if err != nil {
		panic(err) // unreachable: 32 bytes are one block of SHA-256
	}
	return out
}
