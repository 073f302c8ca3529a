// Package logos keeps the images that clients are shown with. An image that a
// stranger made is never passed on: it is fetched under the bounds of package outbound, or
// read from the registration itself, drawn anew as a small PNG, and served by the provider, so that
// no visitor's browser asks anybody else and nothing but pixels is left of it.
package logos

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

const (
	// MaxBytes bounds an image as it is fetched.
	MaxBytes = 512 << 10
	// Size is the width and height of a logo as it is served, in pixels. Pages show it at a third of that and less.
	Size = 192

	maxSide   = 4096
	maxPixels = 4 << 20
	// maxScans bounds what a progressive JPEG may cost: each scan of it visits every pixel.
	maxScans = 100
)

// A format is a kind of image that is read.
type format struct {
	magic  string // "?" stands for any byte
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

// Of an animation the first frame is drawn.
var formats = []format{
	{"\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode},
	{"\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode},
	{"GIF8?a", gif.DecodeConfig, gif.Decode},
	{"RIFF????WEBP", webp.DecodeConfig, webp.Decode},
}

func (f format) matches(raw []byte) bool {
	if len(raw) < len(f.magic) {
		return false
	}
	for i := range len(f.magic) {
		if f.magic[i] != '?' && f.magic[i] != raw[i] {
			return false
		}
	}
	return true
}

// Check reports what can be seen of an image without drawing it: its format, and
// that it is not too large. The error is a sentence about "it".
func Check(raw []byte) error {
	_, err := examine(raw)
	return err
}

func examine(raw []byte) (format, error) {
	if len(raw) > MaxBytes {
		return format{}, fmt.Errorf("it has %d bytes: at most %d are allowed", len(raw), MaxBytes)
	}
	for _, f := range formats {
		if !f.matches(raw) {
			continue
		}
		size, err := f.config(bytes.NewReader(raw))
		if err != nil {
			return f, fmt.Errorf("it is damaged: %w", err)
		}
		return f, checkSize(size.Width, size.Height)
	}
	return format{}, unknown(raw)
}

// checkSize is asked before anything is unpacked: a few hundred bytes can say that they
// are an image of gigabytes.
func checkSize(width, height int) error {
	if width < 1 || height < 1 || width > maxSide || height > maxSide || width*height > maxPixels {
		return fmt.Errorf("it is %d × %d pixels large: at most %d megapixels and %d on a side are allowed", width, height, maxPixels>>20, maxSide)
	}
	return nil
}

// unknown names what people give instead of an image.
func unknown(raw []byte) error {
	text := bytes.TrimLeft(bytes.TrimPrefix(raw, []byte("\ufeff")), " \t\r\n")
	switch head := bytes.ToLower(text[:min(len(text), 4096)]); {
	case len(raw) == 0:
		return errors.New("it is empty")
	case bytes.HasPrefix(head, []byte("<")) && bytes.Contains(head, []byte("<svg")):
		return errors.New("it is an SVG, which can hold scripts: give a PNG, JPEG, GIF or WebP")
	case bytes.HasPrefix(head, []byte("<")):
		return errors.New("it is a web page and no image: give the address of a PNG, JPEG, GIF or WebP")
	}
	return errors.New("it is not a PNG, JPEG, GIF or WebP")
}

// Redraw returns an image as a PNG of Size by Size pixels, centred, with transparent
// borders if it is not square. Nothing else of it is left, such as profiles and places in its metadata. It
// takes some 30 MB at most while it works. The error is a sentence about "it".
func Redraw(raw []byte) ([]byte, error) {
	f, err := examine(raw)
	if err != nil {
		return nil, err
	}
	if scans := bytes.Count(raw, []byte{0xff, 0xda}); f.magic == formats[1].magic && scans > maxScans {
		return nil, fmt.Errorf("it has %d scans: at most %d are allowed", scans, maxScans)
	}
	from, err := decode(f, raw)
	if err != nil {
		return nil, err
	}
	to := image.NewRGBA(image.Rect(0, 0, Size, Size))
	draw.CatmullRom.Scale(to, centred(from.Bounds()), from, from.Bounds(), draw.Src, nil)
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, to); err != nil {
		return nil, fmt.Errorf("it cannot be drawn: %w", err)
	}
	return out.Bytes(), nil
}

// decode outlives a decoder that panics: what it reads was made by a stranger.
func decode(f format, raw []byte) (img image.Image, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			img, err = nil, fmt.Errorf("it is damaged: %v", cause)
		}
	}()
	img, err = f.decode(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	return img, checkSize(img.Bounds().Dx(), img.Bounds().Dy())
}

// centred is the largest rectangle of the shape of from in the middle of a logo.
func centred(from image.Rectangle) image.Rectangle {
	side := max(from.Dx(), from.Dy())
	width, height := max(1, from.Dx()*Size/side), max(1, from.Dy()*Size/side)
	left, top := (Size-width)/2, (Size-height)/2
	return image.Rect(left, top, left+width, top+height)
}
