package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"near-idp/internal/oauth"
	"near-idp/internal/text"
)

// languageCookie holds the language that somebody chose, on a page of ours or, by
// ui_locales, in the application that they come from.
const (
	languageCookie    = "idp_language"
	languageCookieAge = 365 * 24 * time.Hour
)

// reader is who reads the answer to a request: the language that they chose, or
// else the first of their browser's that there is.
func (s *server) reader(r *http.Request) *text.Printer {
	if c, err := r.Cookie(s.cookieName(languageCookie)); err == nil {
		if chosen, ok := text.Named(c.Value); ok {
			return chosen
		}
	}
	return text.For(r.Header.Get("Accept-Language"))
}

// prefer takes the languages that an application asks for (ui_locales, OpenID
// Connect Core section 3.1.2.1), for this request and until the browser is closed.
func (s *server) prefer(w http.ResponseWriter, r *http.Request, locales string) {
	if locales == "" {
		return
	}
	reader := text.For(locales, entryOf(r).reader().Language().Tag)
	if reader == entryOf(r).reader() {
		return
	}
	entryOf(r).chosen = reader
	http.SetCookie(w, s.cookie(languageCookie, reader.Language().Tag, 0))
}

// chooseLanguage shows the page that the person is on in another language.
func (s *server) chooseLanguage(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r, maxLoginBody)
	if err != nil {
		return err
	}
	reader, ok := text.Named(form.Get("lang"))
	if !ok {
		return malformed("There is no such language.", nil)
	}
	http.SetCookie(w, s.cookie(languageCookie, reader.Language().Tag, languageCookieAge))
	redirect(w, s.ownPath(form.Get("to")))
	return nil
}

// ownPath is a path of ours, or that of the home page for anything else: the
// form must not become a way to send people elsewhere.
func (s *server) ownPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || u.RawQuery != "" || strings.ContainsAny(to, "\\\r\n\t") ||
		!strings.HasPrefix(to, s.base+"/") || strings.HasPrefix(to, "//") {
		return s.base + "/"
	}
	return to
}

// describe says in plain words what scopes let a client learn or do.
func (s *server) describe(reader *text.Printer, scopes []string) []string {
	var all []string
	for _, scope := range scopes {
		if words := s.Describe(scope); words != "" {
			all = append(all, reader.T(words, "scope", scope))
		}
	}
	return all
}

// hostName is whose host the person returns to, as the page says it.
func hostName(reader *text.Printer, host string) string {
	switch host {
	case onThisDevice:
		return reader.T("an app on this device")
	case oauth.OnAnotherDevice:
		return reader.T("another device")
	}
	return host
}
