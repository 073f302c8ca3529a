package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"near-idp/internal/idp"
	"near-idp/internal/login"
)

func TestPagesAreInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		edits []edit
		want  string
	}{
		"nothing said":                      {nil, `<html lang="en" dir="ltr">`},
		"the browser's":                     {[]edit{header("Accept-Language", "de-CH,de;q=0.9,en;q=0.5")}, `<html lang="de" dir="ltr">`},
		"from right to left":                {[]edit{header("Accept-Language", "ar")}, `<html lang="ar" dir="rtl">`},
		"chosen, whatever the browser says": {[]edit{header("Cookie", "__Host-idp_language=uk"), header("Accept-Language", "de")}, `<html lang="uk" dir="ltr">`},
		"chosen is no language of ours":     {[]edit{header("Cookie", `__Host-idp_language="><script>`), header("Accept-Language", "de")}, `<html lang="de" dir="ltr">`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if w := newSite(t).send("GET", "/", "", test.edits...); !strings.Contains(w.Body.String(), test.want) {
				t.Errorf("no %s in %.200s", test.want, w.Body)
			}
		})
	}
}

func TestApplicationsChooseTheLanguage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.send("GET", "/authorize?client_id=app&ui_locales=tlh+fr-CA+de", "", header("Accept-Language", "de"))
	c := cookieNamed(w, "__Host-idp_language")
	if c == nil || c.Value != "fr" || c.MaxAge != 0 || !c.HttpOnly || !c.Secure {
		t.Fatalf("cookie %+v: not French until the browser is closed", c)
	}
	page := s.send("GET", "/login/"+testID, "", header("Cookie", "__Host-idp_language=fr; __Host-idp_login="+browserA))
	if !strings.Contains(page.Body.String(), `<html lang="fr"`) || !strings.Contains(page.Body.String(), s.login.Message) {
		t.Errorf("the page is not French, or the message is: %.300s", page.Body)
	}
	if w := s.send("GET", "/authorize?client_id=app&ui_locales=de", "", header("Accept-Language", "de")); cookieNamed(w, "__Host-idp_language") != nil {
		t.Error("a cookie for what the browser says anyway")
	}
	if w := s.send("GET", "/authorize?client_id=app&ui_locales=xx", ""); cookieNamed(w, "__Host-idp_language") != nil {
		t.Error("a cookie for a language that is not there")
	}
}

func TestPeopleChooseTheLanguage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.send("POST", "/language", "lang=pt-BR&to=%2Flogin%2F"+testID, asForm)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/login/"+testID {
		t.Errorf("%d to %q", w.Code, w.Header().Get("Location"))
	}
	if c := cookieNamed(w, "__Host-idp_language"); c == nil || c.Value != "pt-BR" || c.MaxAge < 300*24*3600 {
		t.Errorf("cookie %+v", c)
	}
	if w := s.send("POST", "/language", "lang=xx&to=%2F", asForm); w.Code != http.StatusBadRequest || cookieNamed(w, "__Host-idp_language") != nil {
		t.Errorf("an unknown language: %d", w.Code)
	}
	if w := s.send("POST", "/language", "lang=de&to=%2F", asForm, crossed); w.Code != http.StatusForbidden {
		t.Errorf("another site's page chose: %d", w.Code)
	}
}

// The form that changes the language must lead nowhere but to our pages.
func TestLanguageFormIsNoOpenRedirect(t *testing.T) {
	t.Parallel()
	for _, to := range []string{
		"https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "/a\r\nSet-Cookie: x=1", "evil", "", "/%zz", "/x?y=1", "\t//evil.example",
	} {
		s := newSite(t)
		w := s.send("POST", "/language", "lang=de&to="+url.QueryEscape(to), asForm)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
			t.Errorf("%q: %d to %q", to, w.Code, w.Header().Get("Location"))
		}
	}
}

func TestRefusalsAreInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.verifyErr = &login.Refusal{Reason: login.NotFullAccess, Login: s.login, AccountID: "bob.testnet"}
	german := []edit{asJSON, withCookie, header("Accept-Language", "de")}
	w := s.send("POST", "/login/"+testID+"/verify", `{"account_id":"bob.testnet"}`, german...)
	if body := w.Body.String(); !strings.Contains(body, "Schlüssel") || !strings.Contains(body, "bob.testnet") || !strings.Contains(body, `"error":"not_full_access"`) {
		t.Errorf("not German, or the code is: %s", body)
	}
}

// RFC 6749 section 5.2: error_description is ASCII, whatever the caller prefers to read.
func TestErrorsOfOAuthStayEnglish(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.tokenErr = idp.ErrUnavailable
	w := s.send("POST", "/token", "grant_type=authorization_code", asForm, header("Accept-Language", "zh-CN"))
	if w.Code != http.StatusServiceUnavailable {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, r := range w.Body.String() {
		if r > '~' {
			t.Fatalf("not ASCII: %s", w.Body)
		}
	}
}
