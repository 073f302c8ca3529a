package web

import (
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
	"near-idp/internal/text"
	"near-idp/web/templates"
)

// authorizeDevice is the device authorization endpoint (RFC 8628 section 3.1).
func (s *server) authorizeDevice(w http.ResponseWriter, r *http.Request) error {
	if err := s.clientForm(w, r); err != nil {
		return err
	}
	answer, err := s.Protocol.AuthorizeDevice(r.Context(), r, sender(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, answer)
}

// sender is who sent a request, in a form that pages can show.
func sender(r *http.Request) idp.Sender {
	const longest = 120
	from := idp.Sender{Network: network(entryOf(r).client), Address: entryOf(r).address()}
	from.Agent = strings.TrimSpace(strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return -1
		}
		return c
	}, r.UserAgent()))
	if len(from.Agent) > longest {
		from.Agent = from.Agent[:longest] + "..."
	}
	return from
}

// devicePage is the verification URI (RFC 8628 section 3.3): a code that comes in
// the query is shown to be confirmed, and never taken without that.
func (s *server) devicePage(w http.ResponseWriter, r *http.Request) error {
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	return s.askUserCode(w, r, http.StatusOK, query.Get("user_code"), query.Get("another") != "", "")
}

func (s *server) askUserCode(w http.ResponseWriter, r *http.Request, status int, typed string, another bool, complaint string) error {
	view := templates.DeviceCode{Page: s.view(r, entryOf(r).reader().T("Sign in on another device"), ""), Another: another, Error: complaint, EnterURL: s.base + "/device"}
	if code, ok := oauth.ParseUserCode(typed); ok {
		view.UserCode = oauth.ShownUserCode(code)
	}
	return render(w, r, status, templates.DeviceCodePage(view))
}

// enterUserCode begins the sign-in for the device that shows the code.
func (s *server) enterUserCode(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r, maxLoginBody)
	if err != nil {
		return err
	}
	another := form.Get("another") != ""
	device, err := s.Protocol.FindDevice(r.Context(), form.Get("user_code"), sender(r))
	if errors.Is(err, idp.ErrNotFound) {
		s.failed(r, failure{Status: http.StatusNotFound, Code: "unknown_user_code"}, err)
		return s.askUserCode(w, r, http.StatusNotFound, form.Get("user_code"), another,
			entryOf(r).reader().T("No device is waiting with this code. Codes last ten minutes; after many wrong ones, wait as long."))
	}
	if err != nil {
		return err
	}
	l, err := s.beginForDevice(w, r, device, another)
	if err != nil {
		return err
	}
	entryOf(r).clientID = l.ClientID
	redirect(w, s.base+"/device/"+l.ID)
	return nil
}

// beginForDevice begins a login, with the browser's session if it has one. Whoever
// is signed in still has to allow the device.
func (s *server) beginForDevice(w http.ResponseWriter, r *http.Request, d *idp.Device, another bool) (*idp.Login, error) {
	req, err := s.Protocol.RequestFor(r.Context(), d)
	if errors.Is(err, idp.ErrNotFound) { // its client was removed or disabled
		return nil, errDeviceOver
	}
	if err != nil {
		return nil, err
	}
	begin := login.Request{Client: req.Client, RedirectHost: req.RedirectHost, Params: req.Params, Browser: s.bindBrowser(w, r)}
	if !another {
		session, err := s.Logins.Session(r.Context(), s.session(r))
		if err != nil {
			return nil, err
		}
		if session != nil {
			l, err := s.Logins.Resume(r.Context(), begin, session, false)
			if denied := deniedBy(err); l != nil || err != nil && denied == nil {
				return l, err
			}
		}
	}
	return s.Logins.Begin(r.Context(), begin)
}

// deviceLoginPage tells a person what asks to be signed in, before they sign in.
func (s *server) deviceLoginPage(w http.ResponseWriter, r *http.Request) error {
	l, err := s.findInBrowser(r)
	if err != nil {
		return err
	}
	if oauth.DeviceOf(l) == "" {
		return errNoPage
	}
	if !l.ConsumedAt.IsZero() {
		redirect(w, s.base+"/continue/"+l.ID)
		return nil
	}
	view, err := s.deviceView(r, l)
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, templates.DevicePage(view))
}

// deviceConsent is the consent page of a login for a device.
func (s *server) deviceConsent(w http.ResponseWriter, r *http.Request, l *idp.Login) error {
	view, err := s.deviceView(r, l)
	if err != nil {
		return err
	}
	view.Account, view.Network = l.Proof.AccountID, s.Network
	return render(w, r, http.StatusOK, templates.DevicePage(view))
}

func (s *server) deviceView(r *http.Request, l *idp.Login) (templates.Device, error) {
	device, err := s.device(r, l)
	if err != nil {
		return templates.Device{}, err
	}
	app, err := s.application(r.Context(), l)
	if err != nil {
		return templates.Device{}, err
	}
	reader := entryOf(r).reader()
	shown := oauth.ShownUserCode(device.UserCode)
	view := templates.Device{
		Page:       accented(s.view(r, reader.T("Sign in on another device"), ""), app.mark),
		ClientName: app.name, Mark: app.mark, FirstParty: app.firstParty, Links: app.links, UserCode: shown,
		Asker: s.asker(r, device.Sender, device.CreatedAt), Scopes: s.describe(reader, device.Scopes), Choices: device.Choices,
		NextURL: s.base + "/login/" + l.ID, CancelURL: s.base + "/login/" + l.ID + "/cancel",
		DecideURL: s.base + "/consent/" + l.ID, AgainURL: s.base + "/device?another=1&user_code=" + shown,
	}
	return view, nil
}

// asker is what the person of a request is told of who wants to be signed in.
func (s *server) asker(r *http.Request, from idp.Sender, at time.Time) templates.Asker {
	return templates.Asker{Address: from.Address, Agent: from.Agent, Asked: ago(entryOf(r).reader(), s.Now().Sub(at)), Elsewhere: elsewhere(from, sender(r))}
}

// device is the request that a login is for, while it waits to be decided.
func (s *server) device(r *http.Request, l *idp.Login) (*idp.Device, error) {
	device, err := s.Protocol.Device(r.Context(), l)
	if errors.Is(err, idp.ErrNotFound) || err == nil && (!device.DecidedAt.IsZero() || !s.Now().Before(device.ExpiresAt)) {
		return nil, errDeviceOver
	}
	return device, err
}

// elsewhere reports that a device is not on the network of the person. Addresses of the two
// families cannot be compared.
func elsewhere(device, person idp.Sender) bool {
	a, errA := netip.ParseAddr(device.Address)
	b, errB := netip.ParseAddr(person.Address)
	return errA == nil && errB == nil && a.Is4() == b.Is4() && device.Network != person.Network
}

func ago(reader *text.Printer, d time.Duration) string {
	if d < time.Minute {
		return reader.T("a moment ago")
	}
	return reader.T("{n} min ago", "n", strconv.Itoa(int(d.Minutes())))
}

// decideDevice takes the person's decision on a device.
func (s *server) decideDevice(w http.ResponseWriter, r *http.Request, l *idp.Login, decision, number string) error {
	if decision == "deny" {
		return s.refuseDevice(w, r, l)
	}
	device, err := s.device(r, l)
	if err != nil {
		return err
	}
	picked, err := strconv.Atoi(number)
	if device.Match == 0 && decision != "allow" || device.Match != 0 && err != nil {
		return malformed("The decision must be deny, or allow, or the number that the device shows.", nil)
	}
	allowed, err := s.Protocol.AllowDevice(r.Context(), l, device, picked)
	if errors.Is(err, idp.ErrUsed) {
		return errDeviceOver
	}
	if err != nil {
		return err
	}
	if !allowed {
		s.failed(r, failure{Status: http.StatusForbidden, Code: "wrong_match_number"}, nil)
	}
	redirect(w, s.base+"/continue/"+l.ID)
	return nil
}

func (s *server) refuseDevice(w http.ResponseWriter, r *http.Request, l *idp.Login) error {
	if err := s.Protocol.DenyDevice(r.Context(), l); err != nil {
		return err
	}
	redirect(w, s.base+"/continue/"+l.ID)
	return nil
}

// deviceEnd is the last that a person sees here; the device goes on by itself.
func (s *server) deviceEnd(w http.ResponseWriter, r *http.Request, l *idp.Login) error {
	app, err := s.application(r.Context(), l)
	if err != nil {
		return err
	}
	reader := entryOf(r).reader()
	end := templates.Message{Page: s.view(r, reader.T("Signed in"), ""), Tone: templates.ToneSuccess, Heading: reader.T("Your device is signed in"),
		Text: reader.T("Go back to it: {client} goes on there. You can close this page.", "client", app.name)}
	if l.Denied {
		end = templates.Message{Page: s.view(r, reader.T("Not signed in"), ""), Tone: templates.ToneInfo, Heading: reader.T("The device was refused"),
			Text: reader.T("It was not signed in, and nothing was shared. If it was yours, ask it for a new code.")}
	}
	return render(w, r, http.StatusOK, templates.MessagePage(end))
}

var errDeviceOver = &problem{status: http.StatusGone, code: "expired", heading: "This code is over",
	text: "It was already used or refused, or ten minutes have passed. Ask the device for a new code."}
