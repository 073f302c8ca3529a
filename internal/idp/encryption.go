package idp

import (
	"encoding/hex"
	"strings"
)

// MinEncryptionKey is the least length of an encryption key in bytes, that of the AES-256 key
// derived from it.
const MinEncryptionKey = 32

// EncryptionKeyLength is how many bytes a secret counts as an encryption key: hexadecimal digits
// count half, and white space around it, such as the last line feed of a file, nothing.
func EncryptionKeyLength(secret string) int {
	secret = strings.TrimSpace(secret)
	if _, err := hex.DecodeString(secret); err == nil {
		return len(secret) / 2
	}
	return len(secret)
}
