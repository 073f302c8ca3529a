package clients_test

import (
	"encoding/base64"
	"log/slog"
	"strings"
	"testing"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

// dot is a PNG of one pixel.
const dot = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

func stored(t *testing.T) (*postgres.Store, *clients.Service) {
	t.Helper()
	store := postgres.New(pgtest.New(t))
	return store, &clients.Service{Store: store}
}

// V04
func TestBrandIsHeldToWhatPagesCanShow(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*idp.Client){
		`logo_uri "http://app.example.com/l.png" is http`: func(c *idp.Client) { c.LogoURI = "http://app.example.com/l.png" },
		`logo_uri "https://u:p@x.com/l.png" has a user n`: func(c *idp.Client) { c.LogoURI = "https://u:p@x.com/l.png" },
		`logo_uri "javascript:alert(1)" has the scheme`:   func(c *idp.Client) { c.LogoURI = "javascript:alert(1)" },
		`logo_uri "data:image/svg+xml,<svg onload=alert(1)>…" is a data: URI, of which only`: func(c *idp.Client) {
			c.LogoURI = "data:image/svg+xml,<svg onload=alert(1)>" + strings.Repeat(" ", 99)
		},
		`only data:image/png;base64,… is read`:            func(c *idp.Client) { c.LogoURI = "Data:text/html,<script>" },
		`holds an image of more than 32768 bytes`:         func(c *idp.Client) { c.LogoURI = dot + strings.Repeat("A", 50_000) },
		`has 2110 bytes: at most 2048`:                    func(c *idp.Client) { c.LogoURI = "https://a.example/" + strings.Repeat("a", 2092) },
		`policy_uri "javascript:alert(1)" has the scheme`: func(c *idp.Client) { c.PolicyURI = "javascript:alert(1)" },
		`tos_uri "data:text/html,x" has the scheme`:       func(c *idp.Client) { c.TosURI = "data:text/html,x" },
		`tos_uri "/terms" is relative`:                    func(c *idp.Client) { c.TosURI = "/terms" },
		`brand_color "red" is no colour`:                  func(c *idp.Client) { c.BrandColor = "red" },
		`brand_color "#fff" is no colour`:                 func(c *idp.Client) { c.BrandColor = "#fff" },
		`brand_color "#123456;}" is no colour`:            func(c *idp.Client) { c.BrandColor = "#123456;}" },
		`brand_color "url(//x)" is no colour`:             func(c *idp.Client) { c.BrandColor = "url(//x)" },
	} {
		c := valid("app")
		change(&c)
		if _, err := clients.Validate(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s\n got %v", want, err)
		}
	}
	c := valid("app")
	c.LogoURI, c.PolicyURI, c.TosURI, c.BrandColor = dot, "https://a.example/privacy?x=1", "http://localhost/terms", "#0A7CFF"
	if full, err := clients.Validate(c); err != nil || full.BrandColor != "#0a7cff" {
		t.Errorf("%q %v", full.BrandColor, err)
	}
}

// V03: a name that turns or hides the text around it could make "bank.example" of "evil.example".
func TestNamesThatReorderOrHideAreRefusedWithTheirPlace(t *testing.T) {
	t.Parallel()
	_, service := stored(t)
	for name, want := range map[string]string{
		"Safe\u202ekcatta":                  "U+202E as its 5th character",
		"\u200fBank":                        "U+200F as its 1st character",
		"A\u2067B":                          "U+2067 as its 2nd character",
		"Ba\u200bnk":                        "U+200B as its 3rd character",
		"Ba\u200dnk":                        "U+200D as its 3rd character",
		"Ba\ufeffnk":                        "U+FEFF as its 3rd character",
		"Ba\u00adnk":                        "U+00AD as its 3rd character",
		"Bank\x1b[31m":                      "U+001B as its 5th character",
		"Bank\nYou will return to bank.com": "U+000A as its 5th character",
		"Bank\u2028x":                       "U+2028 as its 5th character",
		"Bank\U000e0041":                    "U+E0041 as its 5th character",
		"Ba\u3164nk":                        "U+3164 as its 3rd character",
		"Ba\u2800nk":                        "U+2800 as its 3rd character",
		"twelve-lettr\uffa0":                "U+FFA0 as its 13th character",
		"Z" + strings.Repeat("\u0337", 60):  "more than 4 accents on one letter",
		strings.Repeat("م", 101):            "has 101 characters: at most 100",
	} {
		c := valid("app")
		c.Name = name
		if _, _, err := service.Create(t.Context(), c, ""); err == nil || !strings.Contains(err.Error(), "client_name") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
	}
	for i, name := range []string{"Grafana", "בנק לאומי", "مرحبا بالعالم", "ありがとう", "Đặng 🔑 Ü", "हिन्दी", "नमस्ते", strings.Repeat("م", 100)} {
		c := valid("ok" + string(rune('a'+i)))
		c.Name = name
		if _, _, err := service.Create(t.Context(), c, ""); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// What is refused today may have been stored before; the people of that client are not to suffer from it.
func TestStoredClientWithABlankNameLivesOn(t *testing.T) {
	t.Parallel()
	store, service := stored(t)
	c := valid("old")
	c.ManagedBy, c.Name = idp.ManagedByAPI, "Ba\u3164nk"
	if err := store.CreateClient(t.Context(), c, idp.ClientSecret{}); err != nil {
		t.Fatal(err)
	}
	r := clients.New(store, slog.New(slog.DiscardHandler), time.Now)
	if _, err := r.Client(t.Context(), "old"); err != nil {
		t.Error(err)
	}
	_, err := service.Update(t.Context(), "old", func(c *idp.Client) { c.FirstParty = true })
	if err == nil || !strings.Contains(err.Error(), "U+3164 as its 3rd character") {
		t.Error(err)
	}
}

func TestDataLogoIsLookedAtBeforeItIsStored(t *testing.T) {
	t.Parallel()
	_, service := stored(t)
	for uri, want := range map[string]string{
		"data:image/png;base64,%%%%": "logo_uri is refused: its base64 is damaged",
		"data:image/png;base64," + base64.StdEncoding.EncodeToString([]byte("<svg/>")): "logo_uri is refused: it says that it is a PNG and is none",
	} {
		c := valid("app")
		c.LogoURI = uri
		if _, _, err := service.Create(t.Context(), c, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	c := valid("app")
	c.LogoURI = dot
	if _, _, err := service.Create(t.Context(), c, ""); err != nil {
		t.Error(err)
	}
}

// Some 40 KB for each client are not kept in memory, and a hash that no client is shown with is not known.
func TestRegistryKnowsTheLogosThatAreShown(t *testing.T) {
	t.Parallel()
	store, _ := stored(t)
	for _, id := range []string{"shown", "off"} {
		c := valid(id)
		c.ManagedBy, c.LogoURI, c.Disabled = idp.ManagedByAPI, dot, id == "off"
		if err := store.CreateClient(t.Context(), c, idp.ClientSecret{}); err != nil {
			t.Fatal(err)
		}
	}
	due, err := store.ClaimLogos(t.Context(), 10, time.Minute)
	if err != nil || len(due) != 1 || due[0].Source != dot {
		t.Fatal(due, err)
	}
	if err := store.SaveLogo(t.Context(), due[0], idp.Image{Hash: "abc", PNG: []byte("png")}, time.Hour); err != nil {
		t.Fatal(err)
	}
	r := clients.New(store, slog.New(slog.DiscardHandler), time.Now)
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := r.Client(t.Context(), "shown")
	if err != nil || c.Logo.Hash != "abc" || len(c.LogoURI) > 10 {
		t.Errorf("%+v %v", c, err)
	}
	if !r.ShowsLogo("abc") || r.ShowsLogo("abd") || r.ShowsLogo("") {
		t.Error("the registry does not know which logos are shown")
	}
}
