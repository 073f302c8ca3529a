package admin

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf8"
)

// A cursor is opaque to callers, so that what a list is ordered by can change.
const cursorMark = "after:"

// cursor is where a list goes on after this id, "" for nowhere.
func cursor(id string) string {
	if id == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(cursorMark + id))
}

func parseCursor(text string) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", err
	}
	after, ok := strings.CutPrefix(string(raw), cursorMark)
	if !ok || !utf8.ValidString(after) || strings.ContainsRune(after, 0) {
		return "", errors.New("not a cursor")
	}
	return after, nil
}
