package logos_test

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"testing"
	"time"

	"near-idp/internal/logos"
)

// The largest image that is let through costs a second or so of one core.
func TestLargestImageIsAffordable(t *testing.T) {
	t.Parallel()
	bounds := image.Rect(0, 0, 2048, 2048)
	var animation bytes.Buffer
	if err := gif.Encode(&animation, image.NewPaletted(bounds, color.Palette{red, color.White}), nil); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"a GIF": animation.Bytes(), "a PNG of 64 bits": pngOf(t, image.NewNRGBA64(bounds)),
	} {
		start := time.Now()
		if _, err := logos.Redraw(raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("%s took %s", name, took)
		} else {
			t.Logf("%s: %d bytes, %s", name, len(raw), took)
		}
	}
}
