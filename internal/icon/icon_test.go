package icon

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const circle = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle r="4"></circle></svg>`

func TestDrawingsSurvive(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		circle: circle,
		"\ufeff<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\">\n<!-- made by hand -->" + circle:                                circle,
		strings.Replace(circle, "<circle", `<sodipodi:namedview xmlns:sodipodi="urn:x"><path d="M0 0"/></sodipodi:namedview><metadata><a href="https://x.example">x</a></metadata><circle sodipodi:role="line" data-name="x"`, 1): circle,
		`<svg viewBox="0 0 8 8"><circle r="4"/></svg>`: circle,
		`<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><style>/* a */.a{fill:#fff;clip-path:url(#b)}</style><use xlink:href="#b" style="fill:url(#c)"/></svg>`: `<svg xmlns="http://www.w3.org/2000/svg"><style>.a{fill:#fff;clip-path:url(#b)}</style><use href="#b" style="fill:url(#c)"></use></svg>`,
	} {
		i, err := Read([]byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if string(i.Body) != want || i.ContentType != "image/svg+xml" || !strings.HasSuffix(i.Name(), ".svg") {
			t.Errorf("%s\ngot  %s\nwant %s", in, i.Body, want)
		}
	}
}

func TestOurOwnIconsCanBeRead(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("../../web/static/icons/*.svg")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// W09: a script or an address in a picture.
func TestDrawingsThatDoMoreThanDrawAreRefused(t *testing.T) {
	t.Parallel()
	within := func(text string) string { return strings.Replace(circle, "<circle", text+"<circle", 1) }
	for in, want := range map[string]string{
		within(`<script>alert(1)</script>`):                                                   "<script> does not belong",
		within(`<SCRIPT>alert(1)</SCRIPT>`):                                                   "<SCRIPT> does not belong",
		within(`<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"/></foreignObject>`): "<foreignObject> does not belong",
		within(`<a href="https://evil.example"><path/></a>`):                                  "<a> does not belong",
		within(`<image href="https://tracker.example/x.png"/>`):                               "<image> does not belong",
		within(`<set attributeName="href" to="javascript:alert(1)"/>`):                        "<set> does not belong",
		within(`<path onload="alert(1)"/>`):                                                   "<path onload> would run a script",
		within(`<path ONclick="alert(1)"/>`):                                                  "would run a script",
		within(`<use href="https://evil.example/x.svg#a"/>`):                                  "outside of the file",
		within(`<use href="javascript:alert(1)"/>`):                                           "outside of the file",
		within(`<use xmlns:x="http://www.w3.org/1999/xlink" x:href="data:image/svg+xml,x"/>`): "outside of the file",
		within(`<path fill="url(https://tracker.example/x)"/>`):                               "do not belong",
		within(`<path fill="url(x.svg#a)"/>`):                                                 "outside of the file",
		within(`<path style="fill:u\72l(x)"/>`):                                               "do not belong",
		within(`<path style="background:URL( x )"/>`):                                         "outside of the file",
		within(`<style>@import url(#a)</style>`):                                              "do not belong",
		within(`<style>a{background:ur/**/l(x)}</style>`):                                     "outside of the file",
		within(`<style>a{background:image-set("x" 1x)}</style>`):                              "do not belong",
		within(`<style>a{background:u<!-- -->rl(x)}</style>`):                                 "outside of the file",
		within(`<style>a{background:u<![CDATA[rl(x)]]>}</style>`):                             "outside of the file",
		within(`<style>a{background:u<metadata/>rl(x)}</style>`):                              "elements inside",
		within(strings.Repeat("<g>", 40) + strings.Repeat("</g>", 40)):                        "more than 32 deep",
		within(strings.Repeat(`<use href="#a"/>`, 17)):                                        "<use> occurs more than 16 times",
		within(strings.Repeat(" ", MaxBytes)):                                                 "make a picture of at most 32768",
		circle + circle:                                                                       "one <svg> element around everything",
		`<html xmlns="http://www.w3.org/1999/xhtml"><svg/></html>`:                            "one <svg> element around everything",
		`<svg xmlns="http://www.w3.org/1999/xhtml"/>`:                                         "one <svg> element around everything",
		`<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg><path d="&a;"/></svg>`:                       "not an SVG that can be read",
		`<svg>`: "not an SVG that can be read",
		`<svg`:  "not an SVG that can be read",
		`<?xml version="1.0" encoding="utf-7"?><svg/>`: "not an SVG that can be read",
		"":       "neither SVG nor PNG",
		"GIF89a": "neither SVG nor PNG",
	} {
		if _, err := Read([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200s\ngot  %v\nwant %s", in, err, want)
		}
	}
}

func encoded(t testing.TB, side int) []byte {
	t.Helper()
	picture := image.NewNRGBA(image.Rect(0, 0, side, side))
	picture.Set(0, 0, color.NRGBA{R: 255, A: 255})
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestWhatFollowsAPictureIsNotServed(t *testing.T) {
	t.Parallel()
	i, err := Read(append(encoded(t, 36), "<script>alert(1)</script>"...))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(i.Body, []byte("script")) || i.ContentType != "image/png" {
		t.Errorf("%s %q", i.ContentType, i.Body)
	}
	picture, err := png.Decode(bytes.NewReader(i.Body))
	if err != nil || picture.Bounds().Dx() != 36 || picture.At(0, 0) != (color.NRGBA{R: 255, A: 255}) {
		t.Errorf("another picture: %v", err)
	}
}

func TestSmallFilesOfHugePicturesAreRefused(t *testing.T) {
	t.Parallel()
	if _, err := Read(encoded(t, 1025)); err == nil || !strings.Contains(err.Error(), "1025 × 1025 pixels") {
		t.Error(err)
	}
	whole := encoded(t, 36)
	for _, cut := range []int{9, len(whole) / 2, len(whole) - 20} {
		if _, err := Read(whole[:cut]); err == nil {
			t.Errorf("%d bytes of a PNG are accepted", cut)
		}
	}
}

func TestNamesChangeWithTheContent(t *testing.T) {
	t.Parallel()
	name := func(text string) string {
		i, err := Read([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return i.Name()
	}
	if name(circle) != name(circle+"\n") || name(circle) == name(strings.Replace(circle, "4", "3", 1)) {
		t.Error(name(circle))
	}
}

// FuzzRead: whatever is accepted as SVG holds nothing but known elements and attributes when
// it is read by another reading than ours, and is accepted unchanged again.
func FuzzRead(f *testing.F) {
	f.Add([]byte(circle))
	f.Add([]byte(`<svg xmlns:a="http://www.w3.org/1999/xlink"><use a:href="#a&#10;"/><style><![CDATA[.a{}]]></style></svg>`))
	f.Add([]byte(`<svg:svg xmlns:svg="http://www.w3.org/2000/svg"><svg:g/></svg:svg>`))
	f.Add(encoded(f, rand.IntN(9)+1))
	f.Fuzz(func(t *testing.T, data []byte) {
		i, err := Read(data)
		if err != nil || i.ContentType != "image/svg+xml" {
			return
		}
		if bytes.Contains(bytes.ToLower(i.Body), []byte("<script")) {
			t.Fatalf("%s", i.Body)
		}
		d := xml.NewDecoder(bytes.NewReader(i.Body))
		for {
			_, err := d.RawToken()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v: %s", err, i.Body)
			}
		}
		if again, err := Read(i.Body); len(i.Body) <= MaxBytes && (err != nil || !bytes.Equal(again.Body, i.Body)) {
			t.Fatalf("%v: %s", err, i.Body)
		}
	})
}
