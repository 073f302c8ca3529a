package backup_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"strings"
	"testing"

	"near-idp/internal/backup"
	"near-idp/internal/idp"
)

type key string

func (k key) String() string { return string(k[:4]) }

func (k key) MAC(purpose string) hash.Hash { return hmac.New(sha256.New, []byte(string(k)+purpose)) }

func write(t *testing.T, k key) string {
	t.Helper()
	var out bytes.Buffer
	w, err := backup.NewWriter(&out, k, backup.Header{Issuer: "https://id.example.com", Network: "testnet", Schema: 16, Release: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []idp.BackupLine{
		{Table: "clients", Columns: []string{"id"}}, {Row: []byte(`{"id":"one"}`)}, {Row: []byte(`{"id":"<two>"}`)}, {Table: "empty", Columns: []string{"id"}},
	} {
		if err := w.Write(l); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := w.Close(); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	return out.String()
}

// read reads all of a backup; nil if it is whole.
func read(text string, keys ...backup.Key) (lines []idp.BackupLine, err error) {
	r, err := backup.NewReader(strings.NewReader(text), keys)
	if err != nil {
		return nil, err
	}
	for {
		l, err := r.Next()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		lines = append(lines, l)
	}
}

func TestBackupIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	lines, err := read(write(t, "keyA"), key("keyB"), key("keyA"))
	if err != nil || len(lines) != 4 || lines[0].Table != "clients" || lines[0].Columns[0] != "id" || string(lines[1].Row) != `{"id":"one"}` || lines[3].Row != nil {
		t.Errorf("%v, %v", lines, err)
	}
}

// Whoever reaches the file and not the encryption key can neither give themselves a client
// nor drop a block.
func TestBackupThatWasTouchedIsRefused(t *testing.T) {
	t.Parallel()
	whole := write(t, "keyA")
	for i := range whole {
		if _, err := read(whole[:i], key("keyA")); err == nil {
			t.Fatalf("cut off after %d of %d bytes, it is believed", i, len(whole))
		}
		changed := []byte(whole)
		changed[i] ^= 1
		if _, err := read(string(changed), key("keyA")); err == nil {
			t.Fatalf("changed at byte %d (%q), it is believed", i, whole[max(0, i-10):i+1])
		}
	}
	lines := strings.SplitAfter(whole, "\n")
	for name, touched := range map[string]string{
		"a row more":          lines[0] + lines[1] + lines[2] + lines[2] + lines[3] + lines[4] + lines[5],
		"a row less":          lines[0] + lines[1] + lines[3] + lines[4] + lines[5],
		"rows in other order": lines[0] + lines[1] + lines[3] + lines[2] + lines[4] + lines[5],
		"after the seal":      whole + lines[2],
		"sealed by another":   write(t, "keyB"),
		"their own seal":      strings.Replace(write(t, "keyAxx"), "keyA", "keyA", 1),
		"empty":               "",
		"no backup":           "{}\n" + whole,
	} {
		if _, err := read(touched, key("keyA")); err == nil {
			t.Errorf("%s: it is believed", name)
		}
	}
}

func TestBackupOfANewerFormatIsRefusedWithTheReleaseToUse(t *testing.T) {
	t.Parallel()
	newer := strings.Replace(write(t, "keyA"), `"version":1`, `"version":2`, 1)
	if _, err := read(newer, key("keyA")); err == nil || !strings.Contains(err.Error(), "format 2") || !strings.Contains(err.Error(), "(v1)") {
		t.Error(err)
	}
}

func TestEndlessLineIsRefused(t *testing.T) {
	t.Parallel()
	first, _, _ := strings.Cut(write(t, "keyA"), "\n")
	r, err := backup.NewReader(io.MultiReader(strings.NewReader(first+"\n"), endless{}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Error(err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, strings.Repeat("a", len(p))), nil }
