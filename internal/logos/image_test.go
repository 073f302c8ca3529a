package logos_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"near-idp/internal/logos"
)

// picture is an image of one colour.
func picture(width, height int, c color.Color) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, c)
		}
	}
	return img
}

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func chunk(kind, data string) string {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	out = append(out, kind...)
	out = append(out, data...)
	return string(binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE([]byte(kind+data))))
}

// claimed is a PNG of a few bytes that says it is of this size.
func claimed(width, height uint32) []byte {
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	w.Write(make([]byte, 100))
	w.Close()
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	return []byte("\x89PNG\r\n\x1a\n" + chunk("IHDR", string(header)+"\x08\x06\x00\x00\x00") + chunk("IDAT", packed.String()) + chunk("IEND", ""))
}

// redrawn decodes what Redraw makes, which is a PNG of the size of logos.
func redrawn(t *testing.T, raw []byte) image.Image {
	t.Helper()
	out, err := logos.Redraw(raw)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(out))
	if err != nil || img.Bounds() != image.Rect(0, 0, logos.Size, logos.Size) {
		t.Fatalf("a logo is %v: %v", img.Bounds(), err)
	}
	return img
}

var red = color.RGBA{0xd0, 0x10, 0x20, 0xff}

func isRed(c color.Color) bool {
	r, g, b, a := c.RGBA()
	return r>>8 > 0xc0 && g>>8 < 0x30 && b>>8 < 0x40 && a>>8 == 0xff
}

func isClear(c color.Color) bool {
	_, _, _, a := c.RGBA()
	return a == 0
}

// A lossy WebP of 40 by 20 red pixels as browsers make it, with transparency and a profile.
const webp = "UklGRlICAABXRUJQVlA4WAoAAAAwAAAAJwAAEwAASUNDUMgBAAAAAAHIAAAAAAQwAABtbnRyUkdCIFhZWiAH4AABAAEAAAAAAABhY3NwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAA9tYAAQ" +
	"AAAADTLQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAlkZXNjAAAA8AAAACRyWFlaAAABFAAAABRnWFlaAAABKAAAABRiWFlaAAABPAAAABR3dHB0AAAB" +
	"UAAAABRyVFJDAAABZAAAAChnVFJDAAABZAAAAChiVFJDAAABZAAAAChjcHJ0AAABjAAAADxtbHVjAAAAAAAAAAEAAAAMZW5VUwAAAAgAAAAcAHMAUgBHAEJYWVogAAAAAAAAb6IAADj1AAADkFhZWi" +
	"AAAAAAAABimQAAt4UAABjaWFlaIAAAAAAAACSgAAAPhAAAts9YWVogAAAAAAAA9tYAAQAAAADTLXBhcmEAAAAAAAQAAAACZmYAAPKnAAANWQAAE9AAAApbAAAAAAAAAABtbHVjAAAAAAAAAAEAAAAM" +
	"ZW5VUwAAACAAAAAcAEcAbwBvAGcAbABlACAASQBuAGMALgAgADIAMAAxADZBTFBIGQAAAAEPMP8REUJN2wYMf87p+gsgov8TQJLM9wAAVlA4IEIAAAAQAwCdASooABQAPrVYpk6nJSOiJWgA4BaJZQ" +
	"AALKjAiAAA/u0HL/g2SKc5f//mheO6f35uG/9Av/AXmUNna9iAAAA="

func webpBytes(t testing.TB) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(webp)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestEveryFormatBecomesASquarePNG(t *testing.T) {
	t.Parallel()
	var animation bytes.Buffer
	frame := image.NewPaletted(image.Rect(0, 0, 40, 20), color.Palette{red, color.White})
	if err := gif.Encode(&animation, frame, nil); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"png": pngOf(t, picture(40, 20, red)), "jpeg": jpegOf(t, picture(40, 20, red)), "gif": animation.Bytes(), "webp": webpBytes(t),
		"large": pngOf(t, picture(1600, 800, red)),
	} {
		img := redrawn(t, raw)
		const middle = logos.Size / 2
		if !isRed(img.At(middle, middle)) || !isClear(img.At(middle, 4)) || !isClear(img.At(middle, logos.Size-5)) || !isRed(img.At(4, middle)) {
			t.Errorf("%s: an image twice as wide as high is not centred", name)
		}
	}
}

// V02: a stranger's answer is read by its bytes, whatever it is called.
func TestWhatIsNoImageIsRefusedWithASentence(t *testing.T) {
	t.Parallel()
	whole := pngOf(t, picture(64, 64, red))
	scans := jpegOf(t, picture(8, 8, red))
	for name, attack := range map[string]struct {
		raw  string
		want string
	}{
		"an SVG with a script":                   {`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`, "SVG, which can hold scripts"},
		"an SVG behind a prolog":                 {"\ufeff\n<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY a \"b\">]>\n<SVG/>", "SVG, which can hold scripts"},
		"a web page called an image":             {"<!doctype html><script>alert(1)</script>", "a web page and no image"},
		"nothing":                                {"", "it is empty"},
		"text":                                   {"hello", "not a PNG, JPEG, GIF or WebP"},
		"a TIFF":                                 {"II*\x00\x08\x00\x00\x00", "not a PNG, JPEG, GIF or WebP"},
		"a bomb of 60000 by 60000 pixels":        {string(claimed(60000, 60000)), "60000 × 60000 pixels"},
		"a bomb of 2^31-1 by 2^31-1 pixels":      {string(claimed(1<<31-1, 1<<31-1)), "it is "},
		"a ribbon of 4097 by 1 pixels":           {string(claimed(4097, 1)), "4097 × 1 pixels"},
		"a little more than four megapixels":     {string(claimed(2049, 2048)), "2049 × 2048 pixels"},
		"an image of no pixels":                  {string(claimed(0, 5)), "it is "},
		"an image that ends in the middle":       {string(whole[:len(whole)-30]), "it is damaged"},
		"a header and nothing else":              {string(whole[:33]), "it is damaged"},
		"a JPEG that visits its pixels for ever": {string(scans[:len(scans)-2]) + strings.Repeat("\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00", 5000), "scans: at most 100"},
		"more than half a megabyte":              {string(whole) + strings.Repeat("x", logos.MaxBytes), "bytes: at most"},
		"a GIF whose frame is larger than it":    {"GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02\x4c\x01\x00;", "it is damaged"},
	} {
		if out, err := logos.Redraw([]byte(attack.raw)); err == nil || !strings.Contains(err.Error(), attack.want) || out != nil {
			t.Errorf("%s: %v, want %q", name, err, attack.want)
		}
	}
}

// V02: a canvas of one pixel around a frame of 16384 by 16384 would take a gigabyte.
func TestWebPWhoseFrameIsLargerThanItsCanvasIsRefused(t *testing.T) {
	t.Parallel()
	frame := "\x2f" + string(binary.LittleEndian.AppendUint32(nil, 0x3fff|0x3fff<<14)) + "\x00"
	body := "WEBP" + "VP8X\x0a\x00\x00\x00" + strings.Repeat("\x00", 10) + "VP8L" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(frame)))) + frame
	raw := "RIFF" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(body)))) + body
	if _, err := logos.Redraw([]byte(raw)); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Error(err)
	}
}

// V02
func TestOnlyTheFirstOfTenThousandFramesIsDrawn(t *testing.T) {
	t.Parallel()
	first := image.NewPaletted(image.Rect(0, 0, 2, 2), color.Palette{red, color.Black})
	other := image.NewPaletted(image.Rect(0, 0, 2, 2), color.Palette{color.Black, red})
	all := gif.GIF{Image: []*image.Paletted{first}, Delay: []int{1}}
	for range 9999 {
		all.Image, all.Delay = append(all.Image, other), append(all.Delay, 1)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &all); err != nil {
		t.Fatal(err)
	}
	if b.Len() > logos.MaxBytes {
		t.Fatalf("%d bytes", b.Len())
	}
	if img := redrawn(t, b.Bytes()); !isRed(img.At(logos.Size/2, logos.Size/2)) {
		t.Error("another frame than the first was drawn")
	}
}

// V02: where a picture was taken, and by whom, is nobody's business.
func TestMetadataIsGoneAfterRedrawing(t *testing.T) {
	t.Parallel()
	const secret = "taken at the home of alice"
	plain := pngOf(t, picture(8, 8, red))
	marked := string(plain[:33]) + chunk("tEXt", "Comment\x00"+secret) + chunk("eXIf", "MM\x00*"+secret) + chunk("iCCP", "p\x00\x00"+secret) + string(plain[33:])
	photo := jpegOf(t, picture(8, 8, red))
	exif := "Exif\x00\x00MM\x00*" + secret
	length := string(binary.BigEndian.AppendUint16(nil, uint16(len(exif)+2)))
	tagged := string(photo[:2]) + "\xff\xe1" + length + exif + string(photo[2:])
	for name, raw := range map[string]string{"png": marked, "jpeg": tagged, "webp": string(webpBytes(t)), "trailing": string(plain) + "<script>" + secret} {
		out, err := logos.Redraw([]byte(raw))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, part := range []string{secret, "tEXt", "eXIf", "iCCP", "ICCP", "<script>"} {
			if bytes.Contains(out, []byte(part)) {
				t.Errorf("%s: %q is still there", name, part)
			}
		}
	}
}

func TestDataURIHoldsASmallPNGAndNothingElse(t *testing.T) {
	t.Parallel()
	raw := pngOf(t, picture(8, 8, red))
	code := base64.StdEncoding.EncodeToString
	if got, err := logos.ParseData("data:image/png;base64," + code(raw)); err != nil || !bytes.Equal(got, raw) {
		t.Fatal(err)
	}
	for uri, want := range map[string]string{
		"data:image/svg+xml;base64," + code([]byte("<svg/>")):                 "only data:image/png;base64",
		"DATA:text/html,<script>":                                             "only data:image/png;base64",
		"data:image/png," + string(raw):                                       "only data:image/png;base64",
		"data:image/png;base64,%%%":                                           "damaged",
		"data:image/png;base64," + code(raw) + "\n":                           "damaged",
		"data:image/png;base64," + code([]byte("<svg/>")):                     "is none",
		"data:image/png;base64," + code(jpegOf(t, picture(8, 8, red))):        "is none",
		"data:image/png;base64," + code(append(raw, make([]byte, 33<<10)...)): "32768 bytes",
	} {
		if _, err := logos.ParseData(uri); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", uri, err, want)
		}
	}
}

func FuzzRedraw(f *testing.F) {
	f.Add(webpBytes(f))
	f.Add(claimed(60000, 60000))
	f.Add(pngOf(f, picture(3, 3, red)))
	f.Add(jpegOf(f, picture(3, 3, red)))
	f.Add([]byte("GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x4c\x01\x00;"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		out, err := logos.Redraw(raw)
		if (err == nil) != (len(out) > 0) || err != nil && !strings.HasPrefix(err.Error(), "it ") {
			t.Errorf("%d bytes, %v", len(out), err)
		}
	})
}
