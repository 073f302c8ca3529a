package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVariablesAreExpanded(t *testing.T) {
	t.Parallel()
	env := func(name string) (string, bool) {
		if name == "EVIL" {
			return "x, level: debug} #\nissuer: https://evil.example", true
		}
		if name == "EMPTY" {
			return "", true
		}
		if name == "NAME" {
			return "A ${B} $ C", true
		}
		return testEnv(name)
	}
	c, err := Parse("f", []byte(required("branding: {name: \"<${NAME}> $$5\"}")), env)
	if err != nil || c.Branding.Name != "<A ${B} $ C> $5" {
		t.Errorf("%q %v", c.Branding.Name, err)
	}
	for text, want := range map[string]string{
		"$NAME":      "a $ must begin a variable",
		"${NAME":     "a $ must begin a variable",
		"${NA-ME}":   "a $ must begin a variable",
		"${}":        "a $ must begin a variable",
		"${1A}":      "a $ must begin a variable",
		"100$":       "write $$ for a dollar sign",
		"${EMPTY}":   "EMPTY is empty",
		"${MISSING}": "MISSING is not set",
		"${EVIL}":    "line break",
	} {
		if _, err := Parse("f", []byte(required("branding: {name: \""+text+"\"}")), env); err == nil || !strings.Contains(err.Error(), "f:1: branding.name: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
		return path
	}
	key := strings.Repeat("k", 40)
	private := write("private", key+"\r\n", 0o600)
	write("public", strings.Repeat("p", 40)+"\n", 0o644)
	write("empty", "\n", 0o600)
	write("binary", "\x00\x01", 0o600)
	write("large", strings.Repeat("x", maxValue+1), 0o600)
	config := filepath.Join(dir, "config.yaml")
	for name, to := range map[string]string{"here": "there", "there": "here"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}

	c, err := Parse(config, []byte(required("encryption: {keys: ['file:"+private+"', 'file:public']}")), testEnv)
	if err != nil {
		t.Fatal(err)
	}
	if string(c.Encryption.Keys[0]) != key {
		t.Error("the line break was not trimmed")
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], filepath.Join(dir, "public")) {
		t.Errorf("warnings: %q", c.Warnings)
	}
	for path, want := range map[string]string{
		"missing":   "cannot read the secret file " + dir + "/missing: no such file",
		"empty":     "/empty is empty",
		"binary":    "/binary is not one line of text",
		"large":     "/large is larger than 65536 bytes",
		"/dev/zero": "/dev/zero is not a regular file",
		".":         "is not a regular file but a directory",
		"here":      "cannot read the secret file " + dir + "/here: too many levels of symbolic links; its symbolic links go in circles",
		"":          "file: needs a path",
	} {
		if _, err := Parse(config, []byte(required("encryption: {keys: ['file:"+path+"']}")), testEnv); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	// Only the secrets are read from files.
	if c, err := Parse(config, []byte(required("branding: {name: 'file:"+private+"'}")), testEnv); err == nil && !strings.HasPrefix(c.Branding.Name, "file:") {
		t.Error("a name was read from a file")
	}
}

func TestReadableSecretsAreWarnedOf(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config.yaml")
	for mode, inline := range map[os.FileMode]string{0o644: strings.Repeat("k", 40), 0o600: strings.Repeat("k", 40), 0o645: "${IDP_ENCRYPTION_KEY}"} {
		if err := os.WriteFile(path, []byte(required("encryption: {keys: ['"+inline+"']}")), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path, testEnv)
		if err != nil {
			t.Fatal(err)
		}
		if warned := len(c.Warnings) == 1; warned != (mode == 0o644) {
			t.Errorf("mode %o: %q", mode, c.Warnings)
		}
	}
}
