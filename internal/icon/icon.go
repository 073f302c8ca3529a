// Package icon reads pictures that the operator gives, SVG or PNG. They are taken apart
// and written anew, so that what is served is a picture and nothing else, whatever the
// file was: no script, no address, no data behind the picture's end.
package icon

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image/png"
)

const (
	// MaxBytes bounds a file.
	MaxBytes = 32 << 10
	// maxSide bounds a PNG, in pixels: a small file can unpack to a huge picture.
	maxSide = 1024
)

// An Icon is a picture that can be served.
type Icon struct {
	ContentType string
	Body        []byte
	extension   string
}

// Name is a file name that changes with the content.
func (i *Icon) Name() string {
	hash := sha256.Sum256(i.Body)
	return hex.EncodeToString(hash[:12]) + i.extension
}

// Read reads the content of an SVG or PNG file. The error says what to change in it.
func Read(data []byte) (*Icon, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("the file has %d bytes: make a picture of at most %d", len(data), MaxBytes)
	}
	if bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")) {
		return readPNG(data)
	}
	if bytes.Contains(data, []byte("<svg")) {
		return readSVG(data)
	}
	return nil, errors.New("the file is neither SVG nor PNG: convert it to one of them")
}

func readPNG(data []byte) (*Icon, error) {
	size, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("not a PNG that can be read: %w", err)
	}
	if size.Width > maxSide || size.Height > maxSide {
		return nil, fmt.Errorf("the picture has %d × %d pixels: make it at most %d × %d", size.Width, size.Height, maxSide, maxSide)
	}
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("not a PNG that can be read: %w", err)
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, picture); err != nil {
		return nil, fmt.Errorf("write the PNG anew: %w", err)
	}
	return &Icon{"image/png", out.Bytes(), ".png"}, nil
}
