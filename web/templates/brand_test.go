package templates

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// V04; WCAG 2.2, 1.4.3: whatever colour a client chooses, the letter on its tile can be read.
func TestLetterCanBeReadOnEveryColor(t *testing.T) {
	t.Parallel()
	contrast := func(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }
	for r := 0; r < 256; r += 5 {
		for g := 0; g < 256; g += 5 {
			for b := 0; b < 256; b += 5 {
				color := fmt.Sprintf("#%02x%02x%02x", r, g, b)
				background, _ := luminance(color)
				text, ok := luminance(ink(color))
				if !ok || contrast(background, text) < 4.5 {
					t.Fatalf("%s on %s: %.2f", ink(color), color, contrast(background, text))
				}
			}
		}
	}
	if ink("#ffff00") != "#000000" || ink("#0000ff") != "#ffffff" {
		t.Error("black on yellow, white on blue")
	}
}

// V04: a colour that slipped through is no way to have the page fetch or show something else.
func TestOnlyColorsAreDrawn(t *testing.T) {
	t.Parallel()
	for _, color := range []string{"", "red", "#fff", "#12345g", "url(//evil.example/x.svg)", "#123456;", `"/><script>`, "#+12345", "#é1234"} {
		out := render(t, mark(Mark{Name: "App", Color: color})) + render(t, accent(color))
		if strings.Contains(out, "fill=") || strings.Contains(out, "accent") {
			t.Errorf("%q is drawn: %s", color, out)
		}
	}
	if out := render(t, mark(Mark{Name: "App", Color: "#0a7cff"})); !strings.Contains(out, `fill="#0a7cff"`) || strings.Contains(out, "style") {
		t.Error(out)
	}
}

func TestMarkIsTheLogoOrALetter(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"grafana": "G", "(eu) shop": "E", "ありがとう": "あ", "مرحبا": "م", "🔑 keys": "K", "🔑": "🔑", "élan": "É", "<b>": "B"} {
		if got := letter(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	out := render(t, mark(Mark{Name: "App", LogoURL: "/logo/ab.png", Color: "#0a7cff"}))
	if !regexp.MustCompile(`^<img class="mark" src="/logo/ab.png" alt="" width="48" height="48">$`).MatchString(out) {
		t.Error(out)
	}
	if out := render(t, mark(Mark{})); out != "" {
		t.Errorf("a sign-in to the provider itself has the mark %s", out)
	}
}

// V04: a link of a client shows whose it is, and never what a browser would run here.
func TestLinksOfClientsShowTheirHost(t *testing.T) {
	t.Parallel()
	out := render(t, about(Page{Brand: "Example"}, false, Links{PolicyURL: "https://shop.example.com/privacy", TermsURL: "javascript:alert(1)"}))
	for _, want := range []string{
		"has not verified this application", `<a href="https://shop.example.com/privacy" rel="noopener noreferrer">Privacy policy</a> <bdi class="host">shop.example.com</bdi>`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in %s", want, out)
		}
	}
	if strings.Contains(out, "javascript:") {
		t.Error(out)
	}
	if out := render(t, about(Page{Brand: "Example"}, true, Links{})); !strings.Contains(out, "operates this application") || strings.Contains(out, "<ul") {
		t.Error(out)
	}
}
