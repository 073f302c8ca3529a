package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxValue bounds a single value and a secret's file, in bytes.
const maxValue = 64 << 10

// value returns the text of a scalar with its variables expanded and, for a
// secret written file:/path, the content of that file. The expansion happens
// after the YAML was parsed, so a variable cannot bring new keys along.
func (d *decoder) value(raw string, secret bool) (string, error) {
	text, err := raw, error(nil)
	switch {
	case d.env == nil && secret && (strings.HasPrefix(raw, "file:") || strings.Contains(raw, "${")):
		return "", errors.New("a secret cannot be read from a file or a variable here: write the secret itself, or leave it out and add one afterwards")
	case d.env != nil && (secret || !d.literal):
		text, err = expand(raw, d.env)
	}
	if err != nil {
		return "", err
	}
	if secret && d.env != nil {
		if path, ok := strings.CutPrefix(text, "file:"); ok {
			return d.secretFile(path)
		}
		if text == raw && text != "" {
			d.inlineSecret = true
		}
	}
	if len(text) > maxValue {
		return "", fmt.Errorf("the value is longer than %d bytes", maxValue)
	}
	if strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text) {
		return "", errors.New("the value has a line break or another control character, or is not UTF-8")
	}
	return text, nil
}

// expand replaces ${NAME} by the variable's value and $$ by $. A variable that
// is missing or empty is an error: a forgotten one must not become a default.
func expand(text string, env func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		if rest, ok := strings.CutPrefix(after, "$"); ok {
			b.WriteByte('$')
			text = rest
			continue
		}
		name, rest, closed := strings.Cut(strings.TrimPrefix(after, "{"), "}")
		if !strings.HasPrefix(after, "{") || !closed || !isName(name) {
			return "", errors.New("a $ must begin a variable such as ${NAME}; write $$ for a dollar sign")
		}
		value, ok := env(name)
		if !ok {
			return "", fmt.Errorf("the environment variable %s is not set: set it, or replace ${%s}", name, name)
		}
		if value == "" {
			return "", fmt.Errorf("the environment variable %s is empty: set it, or replace ${%s}", name, name)
		}
		if b.Len()+len(value) > maxValue {
			return "", fmt.Errorf("the value is longer than %d bytes with %s expanded", maxValue, name)
		}
		b.WriteString(value)
		text = rest
	}
}

func isName(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i, c := range []byte(s) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// secretFile returns the content of the file at path, without the line break
// that editors put at the end. A relative path starts from the configuration file.
func (d *decoder) secretFile(path string) (string, error) {
	if path == "" || strings.ContainsRune(path, 0) {
		return "", errors.New("file: needs a path, such as file:/run/secrets/idp")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(d.dir, path)
	}
	data, err := d.files.read(path, maxValue)
	if err != nil {
		if p, ok := errors.AsType[*fs.PathError](err); ok {
			return "", fmt.Errorf("cannot read the secret file %s: %w%s", path, p.Err, Remedy(err))
		}
		return "", fmt.Errorf("cannot read the secret file: %w", err)
	}
	text := strings.TrimRight(string(data), "\r\n")
	if text == "" {
		return "", fmt.Errorf("the secret file %s is empty", path)
	}
	if strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text) {
		return "", fmt.Errorf("the secret file %s is not one line of text", path)
	}
	if readableByAll(path) {
		d.warnings = append(d.warnings, fmt.Sprintf("every user of this machine can read the secret file %s: chmod 600 it", path))
	}
	return text, nil
}

// quote shows a value in an error: escaped, and cut if it is long.
func quote(value string) string {
	const limit = 100
	if len(value) > limit {
		return strconv.QuoteToASCII(value[:limit]) + "…"
	}
	return strconv.QuoteToASCII(value)
}

// printable shows a key in an error, quoted only if it needs to be.
func printable(name string) string {
	odd := func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	if name == "" || len(name) > 64 || strings.ContainsFunc(name, odd) {
		return quote(name)
	}
	return name
}
