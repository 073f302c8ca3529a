package logos

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

const (
	dataPrefix = "data:image/png;base64,"
	maxData    = 32 << 10 // bytes of the image
)

// IsData reports whether a logo_uri is to hold the image itself (RFC 2397).
func IsData(uri string) bool { return len(uri) >= 5 && strings.EqualFold(uri[:5], "data:") }

// CheckData reports what is wrong with a data: URI at first sight, without reading the
// image, and what to do. It is cheap.
func CheckData(uri string) error {
	if !strings.HasPrefix(uri, dataPrefix) {
		return errors.New("is a data: URI, of which only " + dataPrefix + "… is read: write a PNG like that, or the https address of the image")
	}
	if base64.StdEncoding.DecodedLen(len(uri)-len(dataPrefix)) > maxData+2 {
		return fmt.Errorf("holds an image of more than %d bytes: make it smaller, or write the https address of the image", maxData)
	}
	return nil
}

// ParseData returns the image that a data: URI holds. The error is a sentence about "it".
func ParseData(uri string) ([]byte, error) {
	if err := CheckData(uri); err != nil {
		return nil, fmt.Errorf("it %w", err)
	}
	code := uri[len(dataPrefix):]
	raw, err := base64.StdEncoding.Strict().DecodeString(code)
	if err != nil || strings.ContainsAny(code, "\r\n") {
		return nil, errors.New("its base64 is damaged")
	}
	if !formats[0].matches(raw) {
		return nil, errors.New("it says that it is a PNG and is none")
	}
	return raw, nil
}
