package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"near-idp/internal/pgtest"
)

// hostileName is as long as a name can be, written from right to left, and ends with what looks like a host.
var hostileName = strings.Repeat("א", 80) + " \"><b>bank.example/"

// branded is a site with an operator's logo and three clients that ask for consent.
func branded(t *testing.T) *process {
	t.Helper()
	s := newSite(t, pgtest.DSN(t))
	logo := image.NewRGBA(image.Rect(0, 0, 64, 32))
	for i := range 64 * 32 {
		logo.Set(i%64, i/64, color.RGBA{0x0a, 0x7c, 0xff, 0xff})
	}
	var file bytes.Buffer
	if err := png.Encode(&file, logo); err != nil {
		t.Fatal(err)
	}
	picture := `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path fill="#7a3cff" d="M12 2 22 20H2z"/></svg>`
	if err := os.WriteFile(filepath.Join(s.dir, "operator.svg"), []byte(picture), 0o600); err != nil {
		t.Fatal(err)
	}
	const common = `token_endpoint_auth_method: none, redirect_uris: ["https://shop.example.com/cb"], post_logout_redirect_uris: ["https://shop.example.com/"], grant_types: [authorization_code, "urn:ietf:params:oauth:grant-type:device_code"]`
	s.more = fmt.Sprintf(`
  - {client_id: shop, client_name: Corner Shop, logo_uri: %q, policy_uri: "https://shop.example.com/privacy", tos_uri: "https://legal.example.com/terms", brand_color: "#0a7cff", %s}
  - {client_id: plain, client_name: plain notes, %[2]s}
  - {client_id: hostile, client_name: %[3]q, brand_color: "#fff200", policy_uri: "https://%[4]s.example.com/", %[2]s}
branding: {name: Example Sign-In, logo: operator.svg, color: "#7a3cff", support_url: "mailto:help@example.com", privacy_url: "https://example.com/privacy"}
`, "data:image/png;base64,"+base64.StdEncoding.EncodeToString(file.Bytes()), common, hostileName, strings.Repeat("very-long-", 5)+"host")
	return s.serve()
}

func askFor(b *profile, clientID, locale string) {
	b.Helper()
	q := newRequest(clientID, "openid profile")
	q.redirectURI = "https://shop.example.com/cb"
	form := q.form()
	form.Set("ui_locales", locale)
	b.first.visit("/authorize?" + form.Encode())
	b.first.shows("choose")
}

// V03: the marks, and a name that is as hostile as can be, in every look.
func TestApplicationsAreShownWithTheirMarks(t *testing.T) {
	t.Parallel()
	p := branded(t)
	for _, c := range []struct{ id, locale string }{{"shop", "en"}, {"plain", "de"}, {"hostile", "ar"}} {
		t.Run(c.id+" "+c.locale, func(t *testing.T) {
			t.Parallel()
			b := newProfile(t, p)
			b.first.installs("nightly")
			askFor(b, c.id, c.locale)
			if c.id == "shop" { // its logo is drawn in the background
				eventually(t, "a copy of the logo", patience, func() bool {
					askFor(b, c.id, c.locale)
					return value[bool](b.first, `!!document.querySelector("img.mark")`)
				})
				b.first.until(`document.querySelector("img.mark").naturalWidth === 192`)
			}
			b.first.until(`document.querySelector(".brand img").complete && document.querySelector(".brand img").naturalWidth > 0`)
			b.first.readable("brand-login-" + c.id + "-" + c.locale)
			b.first.hostIsRead("shop.example.com")
			b.first.choose("nightly")
			b.first.until(`document.querySelector("#h-consent")`)
			b.first.readable("brand-consent-" + c.id + "-" + c.locale)
			b.first.hostIsRead("shop.example.com")
			if c.id == "shop" {
				b.first.says("Example Sign-In has not verified this application.")
				b.first.says("legal.example.com")
				b.first.visit("/logout?" + url.Values{"client_id": {"shop"}, "post_logout_redirect_uri": {"https://shop.example.com/"}}.Encode())
				b.first.until(`document.querySelector("#h-logout")`)
				b.first.says("Afterwards you can return to Corner Shop.")
				b.first.readable("brand-logout")
			}
		})
	}
	t.Run("device", func(t *testing.T) {
		t.Parallel()
		b := newProfile(t, p)
		asked, err := b.browser().do("POST", "/device_authorization", "client_id=shop&scope=openid", "Content-Type", typeForm)
		if err != nil {
			t.Fatal(err)
		}
		b.first.visit("/device?user_code=" + asked.text("user_code"))
		b.first.click("button.is-primary")
		b.first.until(`document.querySelector("h1 .client")`)
		b.first.readable("brand-device")
	})
}

// hostIsRead holds the host to standing whole in the window, from left to right, with nothing over it.
func (w *window) hostIsRead(host string) {
	w.Helper()
	for _, width := range []int64{320, 1280} {
		w.size(width, 800)
		if wrong := value[string](w, `((name) => {
			for (const e of document.querySelectorAll(".where .host")) {
				const walker = document.createTreeWalker(e, NodeFilter.SHOW_TEXT);
				for (let node = walker.nextNode(); node; node = walker.nextNode()) {
					const at = node.data.indexOf(name);
					if (at < 0) continue;
					e.scrollIntoView({ block: "center" });
					const place = (i) => { const r = document.createRange(); r.setStart(node, at + i); r.setEnd(node, at + i + 1); return r.getBoundingClientRect(); };
					const boxes = [...name].map((_, i) => place(i));
					for (const [i, box] of boxes.entries()) {
						if (box.width === 0 || box.left < 0 || box.right > innerWidth) return "a letter is outside of the window";
						if (i && box.left < boxes[i - 1].left) return "its letters are in another order";
						const top = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
						if (top !== node.parentElement && !node.parentElement.contains(top)) return "something is over it: " + top?.outerHTML;
					}
					return "";
				}
			}
			return "it is not there";
		})(`+quoted(host)+`)`); wrong != "" {
			w.Errorf("%d px: the host %s: %s", width, host, wrong)
		}
	}
}
