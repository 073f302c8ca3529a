package web

import (
	"encoding/json"
	"regexp"
	"strings"
)

// maxCandidates bounds the work that a hostile paste full of braces causes.
const maxCandidates = 16

// Terminal control sequences (ECMA-48): CSI, OSC and the two-character ones.
var terminalNoise = regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[@-_])")

// signedOutput finds what `near message sign-nep413` printed: the first JSON
// object with a signature in the text, whatever the terminal put around it.
func signedOutput(text string) (fields, bool) {
	text = terminalNoise.ReplaceAllString(text, "")
	if found, ok := firstSigned(text); ok {
		return found, true
	}
	// Some terminals copy the line breaks of their window's width, even inside a string.
	if joined := strings.NewReplacer("\r", "", "\n", "").Replace(text); joined != text {
		return firstSigned(joined)
	}
	return nil, false
}

func firstSigned(text string) (fields, bool) {
	for range maxCandidates {
		start := strings.IndexByte(text, '{')
		if start < 0 {
			return nil, false
		}
		text = text[start:]
		var found fields
		if json.NewDecoder(strings.NewReader(text)).Decode(&found) == nil {
			if _, ok := found["signature"]; ok {
				return found, true
			}
		}
		text = text[1:]
	}
	return nil, false
}
