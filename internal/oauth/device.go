package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"near-idp/internal/idp"
)

// The device authorization grant (RFC 8628).
//
// Its weakness is that whoever began a request can send its code to somebody else and
// be signed in as them (section 5.4). So the person is shown who asked, from where and with what
// program, and told of it if that is not the network they are on; nothing is allowed without
// their pressing a button, however often they allowed the same client; and where the client is
// registered to show a number (device_match_number), they must pick it, once.
const (
	deviceLifetime = 10 * time.Minute
	deviceInterval = 5 * time.Second
	// maxDevices is how many requests of one client may wait that came from one network.
	maxDevices = 100
	// A network may send so many wrong user codes within the window. There are 20^8 codes.
	maxGuesses   = 20
	guessWindow  = 10 * time.Minute
	devicePrefix = "ndc_"
	// decisionTime is how long after signing in a person may decide.
	decisionTime = deviceLifetime

	paramDeviceCode = "device_code"
	// keptDevice holds, in a stored request, the id of the device that it is for.
	keptDevice = "_device"

	// userCodeAlphabet is that of RFC 8628 section 6.1: no vowels, so no words, and nothing
	// that looks like something else.
	userCodeAlphabet = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeSize     = 8
)

// OnAnotherDevice is what people are told of where a device's sign-in ends.
const OnAnotherDevice = "another device"

// A DeviceResponse is the body of RFC 8628 section 3.2. MatchNumber is an extension:
// the number that the device must show, of clients that are registered for it.
type DeviceResponse struct {
	DeviceCode              string `json:"device_code"`
	UserCode                string `json:"user_code"`
	VerificationURI         string `json:"verification_uri"`
	VerificationURIComplete string `json:"verification_uri_complete"`
	ExpiresIn               int64  `json:"expires_in"` // seconds
	Interval                int64  `json:"interval"`   // seconds
	MatchNumber             int    `json:"idp_match_number,omitempty"`
}

// AuthorizeDevice answers a device authorization request (RFC 8628 section
// 3.1) whose body has been parsed into r.PostForm. Errors are *Error, or wrap
// idp.ErrUnavailable.
func (p *Provider) AuthorizeDevice(ctx context.Context, r *http.Request, from idp.Sender) (*DeviceResponse, error) {
	form := r.PostForm
	if err := checkOnce(form); err != nil {
		return nil, err
	}
	client, err := p.authenticate(ctx, r)
	if err != nil {
		return nil, err
	}
	answer, err := p.beginDevice(ctx, client, form, from)
	return answer, of(client, err)
}

// beginDevice stores the request of a device whose client has authenticated.
func (p *Provider) beginDevice(ctx context.Context, client *idp.Client, form url.Values, from idp.Sender) (*DeviceResponse, error) {
	if !slices.Contains(client.GrantTypes, idp.GrantDeviceCode) {
		return nil, bad(unauthorizedClient, "This client may not use the device grant.").
			expecting("grant_types: "+strings.Join(client.GrantTypes, " "), idp.GrantDeviceCode)
	}
	if err := checkSyntax(form); err != nil {
		return nil, err
	}
	if err := p.checkResources(client, resourcesOf(form)); err != nil {
		return nil, err
	}
	scopes := p.grantable(client, form)
	code := devicePrefix + secretText()
	hash := sha256.Sum256([]byte(code))
	d := &idp.Device{
		ID: rand.Text(), Hash: hash[:], ClientID: client.ID, Scopes: scopes, Audience: p.audience(form, scopes), Choices: []int{},
		Sender: from, CreatedAt: p.Now(), ExpiresAt: p.Now().Add(deviceLifetime), Interval: deviceInterval,
	}
	if client.DeviceMatchNumber {
		d.Match, d.Choices = idp.MatchNumbers()
	}
	if err := p.createDevice(ctx, d); err != nil {
		return nil, err
	}
	shown := ShownUserCode(d.UserCode)
	return &DeviceResponse{
		DeviceCode: code, UserCode: shown, MatchNumber: d.Match,
		VerificationURI: p.Issuer + "/device", VerificationURIComplete: p.Issuer + "/device?user_code=" + shown,
		ExpiresIn: int64(deviceLifetime.Seconds()), Interval: int64(deviceInterval.Seconds()),
	}, nil
}

// createDevice finds a user code that no other request has. Few of the codes are
// ever taken, so that several conflicts in a row are a fault.
func (p *Provider) createDevice(ctx context.Context, d *idp.Device) error {
	for range 5 {
		d.UserCode = newUserCode()
		created, err := p.Store.CreateDevice(ctx, d, maxDevices)
		switch {
		case errors.Is(err, idp.ErrConflict):
			continue
		case err != nil:
			return fmt.Errorf("device authorization: %w", err)
		case !created:
			return &Error{Status: http.StatusTooManyRequests, Code: slowDown, Description: "Too many devices are waiting to be signed in from your network."}
		}
		return nil
	}
	return errors.New("device authorization: no free user code")
}

// FindDevice returns the request that waits under a user code as a person typed
// it, in any case and with or without dashes. idp.ErrNotFound for every code once
// the network has sent too many wrong ones.
func (p *Provider) FindDevice(ctx context.Context, typed string, from idp.Sender) (*idp.Device, error) {
	code, ok := ParseUserCode(typed)
	if !ok {
		return nil, fmt.Errorf("user code: %w", idp.ErrNotFound)
	}
	d, err := p.Store.DeviceByUserCode(ctx, code, from.Network, maxGuesses, guessWindow)
	if err != nil {
		return nil, fmt.Errorf("find device: %w", err)
	}
	return d, nil
}

// DeviceOf returns the id of the device that a login is for, or "".
func DeviceOf(l *idp.Login) string {
	if !strings.Contains(l.Params, keptDevice) {
		return ""
	}
	form, err := url.ParseQuery(l.Params)
	if err != nil {
		return ""
	}
	return form.Get(keptDevice)
}

// Device returns the device that a login is for; idp.ErrNotFound if it is long over.
func (p *Provider) Device(ctx context.Context, l *idp.Login) (*idp.Device, error) {
	d, err := p.Store.Device(ctx, DeviceOf(l))
	if err != nil {
		return nil, fmt.Errorf("device of login: %w", err)
	}
	return d, nil
}

// RequestFor is the authorization request that a device's request amounts to. It
// can be made in no other way: forms that come from outside keep no such parameter.
func (p *Provider) RequestFor(ctx context.Context, d *idp.Device) (*Request, error) {
	client, err := p.Clients.Client(ctx, d.ClientID)
	if err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	params := url.Values{paramClientID: {client.ID}, paramScope: {strings.Join(d.Scopes, " ")}, keptDevice: {d.ID}}
	if resources := p.others(d.Audience); len(resources) > 0 {
		params[paramResource] = resources
	}
	return &Request{Client: client, Params: params.Encode(), RedirectHost: OnAnotherDevice, maxAge: -1}, nil
}

// issueDevice is Issue for a device: there is no code, and always a question.
func (p *Provider) issueDevice(ctx context.Context, l *idp.Login, account string) (*idp.Code, error) {
	form, err := url.ParseQuery(l.Params)
	if err != nil {
		return nil, fmt.Errorf("stored request of login: %w", err)
	}
	client, err := p.Clients.Client(ctx, form.Get(paramClientID))
	if err != nil {
		return nil, fmt.Errorf("issue: %w", err)
	}
	if err := p.Allowed(client, account); err != nil {
		return nil, err
	}
	var nothing [sha256.Size]byte
	rand.Read(nothing[:])
	scopes := p.grantable(client, form)
	return &idp.Code{
		Hash: nothing[:], ExpiresAt: p.Now(), Scopes: scopes,
		Consent: idp.Consent{Asked: idp.AskAlways, Scopes: scopes, Resources: p.others(p.audience(form, scopes))},
	}, nil
}

// AllowDevice is the person's consent to the device that their login is for. number is
// what they picked; another than the device shows denies the request for good, since
// whoever guesses may not guess again. So does an account that the client does not take. It fails with idp.ErrUsed when the login
// or the request is over.
func (p *Provider) AllowDevice(ctx context.Context, l *idp.Login, d *idp.Device, number int) (allowed bool, err error) {
	client, err := p.Clients.Client(ctx, d.ClientID)
	if errors.Is(err, idp.ErrNotFound) { // removed or disabled meanwhile
		return false, fmt.Errorf("allow device: %w: %w", idp.ErrUsed, err)
	}
	if err != nil {
		return false, fmt.Errorf("allow device: %w", err)
	}
	if d.Match != 0 && number != d.Match || p.Allowed(client, l.Proof.AccountID) != nil {
		return false, p.DenyDevice(ctx, l)
	}
	if err := p.Store.AllowDevice(ctx, d.ID, l.ID, newGrantID(), decisionTime); err != nil {
		return false, fmt.Errorf("allow device: %w", err)
	}
	return true, nil
}

// DenyDevice refuses the device that a login is for, and ends the login.
func (p *Provider) DenyDevice(ctx context.Context, l *idp.Login) error {
	if err := p.Store.DenyDevice(ctx, DeviceOf(l), l.ID); err != nil {
		return fmt.Errorf("deny device: %w", err)
	}
	return nil
}

// newUserCode makes a code of 34 bits.
func newUserCode() string {
	code := make([]byte, userCodeSize)
	for i := range code {
		code[i] = userCodeAlphabet[idp.Below(len(userCodeAlphabet))]
	}
	return string(code)
}

// ShownUserCode is a user code as people see it, "BCDF-GHJK".
func ShownUserCode(code string) string {
	return code[:userCodeSize/2] + "-" + code[userCodeSize/2:]
}

// ParseUserCode reads what a person typed: case, spaces and dashes do not matter
// (RFC 8628 section 6.1).
func ParseUserCode(typed string) (code string, ok bool) {
	if len(typed) > 64 {
		return "", false
	}
	code = strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' || r == '\t' || r == '.' || r == '_' {
			return -1
		}
		return r
	}, strings.ToUpper(typed))
	return code, len(code) == userCodeSize && strings.Trim(code, userCodeAlphabet) == ""
}

func secretText() string {
	var random [32]byte
	rand.Read(random[:])
	return base64.RawURLEncoding.EncodeToString(random[:])
}
