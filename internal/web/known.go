package web

import (
	"crypto/hmac"
	"encoding/base64"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
)

// The cookie with the names of the accounts that have signed in in this browser, the
// last one first, for their person to choose among. It authenticates nobody: whoever is chosen signs
// with their wallet. It has a MAC, so that nothing else is ever listed.
const (
	knownCookie    = "idp_accounts"
	knownCookieAge = 180 * 24 * time.Hour
	maxKnown       = 5
)

// A Sealer makes MACs under keys that change; *keyring.Ring is one.
type Sealer interface {
	MAC(purpose string, data []byte) [32]byte
	// MACs yields those of all keys that are still valid.
	MACs(purpose string, data []byte) iter.Seq[[32]byte]
}

// remembered are the accounts that have signed in in this browser.
func (s *server) remembered(r *http.Request) []string {
	c, err := r.Cookie(s.cookieName(knownCookie))
	if err != nil || s.Sealer == nil {
		return nil
	}
	sealed, list, _ := strings.Cut(c.Value, ".")
	sum, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || !s.sealed(list, sum) {
		return nil
	}
	var accounts []string
	for account := range strings.SplitSeq(list, "|") {
		if accountSyntax.MatchString(account) && !slices.Contains(accounts, account) && len(accounts) < maxKnown {
			accounts = append(accounts, account)
		}
	}
	return accounts
}

func (s *server) sealed(list string, sum []byte) bool {
	for genuine := range s.Sealer.MACs(knownCookie, []byte(s.Issuer+" "+list)) {
		if hmac.Equal(genuine[:], sum) {
			return true
		}
	}
	return false
}

// remember puts an account before those that the browser remembers.
func (s *server) remember(w http.ResponseWriter, r *http.Request, account string) {
	others := slices.DeleteFunc(s.remembered(r), func(a string) bool { return a == account })
	s.setRemembered(w, append([]string{account}, others...))
}

// forget takes an account from those that the browser remembers, or all if it is empty.
func (s *server) forget(w http.ResponseWriter, r *http.Request, account string) {
	s.setRemembered(w, slices.DeleteFunc(s.remembered(r), func(a string) bool { return account == "" || a == account }))
}

func (s *server) setRemembered(w http.ResponseWriter, accounts []string) {
	if s.Sealer == nil {
		return
	}
	if len(accounts) == 0 {
		http.SetCookie(w, s.cookie(knownCookie, "", -time.Second))
		return
	}
	list := strings.Join(accounts[:min(len(accounts), maxKnown)], "|")
	sum := s.Sealer.MAC(knownCookie, []byte(s.Issuer+" "+list))
	http.SetCookie(w, s.cookie(knownCookie, base64.RawURLEncoding.EncodeToString(sum[:])+"."+list, knownCookieAge))
}

// forgetAccount forgets one account or all, from the page of an account or that of a login.
func (s *server) forgetAccount(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r, maxLoginBody)
	if err != nil {
		return err
	}
	s.forget(w, r, form.Get("account"))
	if id := r.PathValue("id"); idSyntax.MatchString(id) {
		redirect(w, s.base+"/login/"+id)
		return nil
	}
	redirect(w, s.base+"/account/data")
	return nil
}

// choices are the accounts that the page of a login offers.
type choices struct {
	session string   // of the browser's session: it goes on without a signature; empty: none may
	others  []string // that the browser remembers: each needs its wallet
}

// choices are there where the application asked for a choice that has not been made. The
// session is one where the application asked for no new signature.
func (s *server) choices(r *http.Request, l *idp.Login) (choices, error) {
	params, err := url.ParseQuery(l.Params)
	if err != nil {
		return choices{}, err
	}
	prompt := strings.Fields(params.Get("prompt"))
	if !slices.Contains(prompt, "select_account") || oauth.ChosenAccount(l) != "" {
		return choices{}, nil
	}
	c := choices{others: s.remembered(r)}
	if slices.Contains(prompt, "login") || params.Get("max_age") != "" {
		return c, nil
	}
	session, err := s.Logins.Session(r.Context(), s.session(r))
	if session == nil || err != nil {
		return c, err
	}
	c.session = session.Identity.AccountID
	c.others = slices.DeleteFunc(c.others, func(a string) bool { return a == c.session })
	return c, nil
}

// pick begins the login anew for the account that the person chose: its wallet has to
// sign, and no other's will do.
func (s *server) pick(w http.ResponseWriter, r *http.Request) error {
	form, l, err := s.formInBrowser(w, r)
	if err != nil {
		return err
	}
	offered, err := s.choices(r, l)
	if err != nil {
		return err
	}
	account := form.Get("account")
	if !l.ConsumedAt.IsZero() || !slices.Contains(offered.others, account) {
		redirect(w, s.base+"/login/"+l.ID)
		return nil
	}
	req, err := s.Protocol.As(r.Context(), l, account)
	if err != nil {
		return err
	}
	return s.beginLogin(w, r, login.Request{
		Client: req.Client, RedirectHost: req.RedirectHost, Params: req.Params, State: req.State, Browser: s.bindBrowser(w, r),
	})
}
