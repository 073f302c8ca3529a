// Package logout tells clients, server to server, that a session ended (OpenID
// Connect Back-Channel Logout 1.0). What is to be told waits in the store; any
// replica delivers it, one at a time, until the client has answered or the attempts are spent.
package logout

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"near-idp/internal/due"
	"near-idp/internal/idp"
	"near-idp/internal/outbound"
)

// A Store keeps what is to be told.
type Store interface {
	// ClaimLogouts leases logouts that are due: nobody else is given them before the lease ends.
	ClaimLogouts(ctx context.Context, limit int, lease time.Duration) ([]idp.Logout, error)
	// NextLogout returns how long it is until one is due, or idp.ErrNotFound if there is none.
	NextLogout(ctx context.Context) (time.Duration, error)
	ForgetLogout(ctx context.Context, id int64) error
	// DelayLogout makes one due after the pause, and others of its client not before the shorter one.
	DelayLogout(ctx context.Context, l idp.Logout, pause, others time.Duration) error
}

// Clients looks up registered clients; one that is unknown or disabled is idp.ErrNotFound.
type Clients interface {
	Client(ctx context.Context, id string) (*idp.Client, error)
}

// Keys signs; *keyring.Ring does.
type Keys interface {
	Sign(typ, alg string, claims []byte) (string, error)
}

// Options configures New. All fields but Audit, Pauses and Now are required.
type Options struct {
	Issuer  string
	Store   Store
	Clients Clients
	Keys    Keys
	// HTTP bounds the time and size of an answer, follows no redirect and keeps off
	// the operator's own network; see package outbound.
	HTTP *http.Client
	Log  *slog.Logger
	// Audit takes down what a client could not be told; nil: nobody does.
	Audit func(idp.Event)
	// Pauses are waited for after each failed attempt; after the last there is one more
	// attempt. Nil: about an hour in all.
	Pauses []time.Duration
	Now    func() time.Time
}

const (
	typLogoutToken = "logout+jwt"
	event          = "http://schemas.openid.net/event/backchannel-logout"
	tokenLife      = 2 * time.Minute
	// parallel deliveries of one replica; lease is longer than any of them takes.
	parallel = 8
	lease    = time.Minute
	idle     = time.Minute
	breath   = 50 * time.Millisecond
	// others of a client that does not answer are not tried for this long.
	others = 30 * time.Second
)

var defaultPauses = []time.Duration{5 * time.Second, 30 * time.Second, 3 * time.Minute, 12 * time.Minute, 40 * time.Minute}

// A Courier delivers. Run it once in each replica.
type Courier struct {
	Options
	*due.Worker[idp.Logout]
}

// New returns a Courier.
func New(opts Options) *Courier {
	if opts.Pauses == nil {
		opts.Pauses = defaultPauses
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	c := &Courier{Options: opts}
	c.Worker = due.New(due.Work[idp.Logout]{
		Name: "back-channel logout", Claim: opts.Store.ClaimLogouts, Next: opts.Store.NextLogout,
		// An end of the program does not cut off what a client is being told.
		Do:       func(ctx context.Context, l idp.Logout) { c.deliver(context.WithoutCancel(ctx), l) },
		Parallel: parallel, Lease: lease, Idle: idle, Breath: breath, Log: opts.Log,
	})
	return c
}

// deliver makes one attempt. If the store cannot be told what came of it, the
// lease ends and the client hears of the same logout again, which it takes as well.
func (c *Courier) deliver(ctx context.Context, l idp.Logout) {
	log := c.Log.With("client_id", l.ClientID, "attempt", l.Attempts)
	client, err := c.Clients.Client(ctx, l.ClientID)
	switch {
	case errors.Is(err, idp.ErrNotFound), err == nil && client.BackchannelLogoutURI == "":
		err = c.Store.ForgetLogout(ctx, l.ID) // nobody wants to know any more
	case err == nil:
		err = c.send(ctx, client, l)
		if err == nil {
			log.Info("back-channel logout delivered")
			err = c.Store.ForgetLogout(ctx, l.ID)
			break
		}
		c.record(l, err)
		if l.Attempts > len(c.Pauses) {
			log.Error("back-channel logout given up: the client still takes the person for signed in", "err", err)
			err = c.Store.ForgetLogout(ctx, l.ID)
			break
		}
		pause := jittered(c.Pauses[max(0, l.Attempts-1)])
		log.Warn("back-channel logout failed", "err", err, "retry_in", pause.Round(time.Millisecond).String())
		err = c.Store.DelayLogout(ctx, l, pause, min(pause, others))
	}
	if err != nil {
		log.Warn("back-channel logout: note the outcome", "err", err)
	}
}

// record takes down the first failure of a delivery, and the last, after which
// nobody tries again.
func (c *Courier) record(l idp.Logout, err error) {
	last := l.Attempts > len(c.Pauses)
	if c.Audit == nil || l.Attempts > 1 && !last {
		return
	}
	c.Audit(idp.Event{Type: "logout.undelivered", Outcome: idp.OutcomeFailed, ClientID: l.ClientID, Subject: l.Subject, SID: l.SID,
		Details: map[string]any{"cause": err.Error(), "attempt": l.Attempts, "given_up": last}})
}

// jittered spreads retries, so that a client which was down is not met by all at once.
func jittered(pause time.Duration) time.Duration {
	return time.Duration(float64(pause) * (0.8 + 0.4*mathrand.Float64()))
}

// send posts a logout token (section 2.5), which is made anew for each attempt
// since it lives for two minutes. Any 2xx is consent: section 2.8 names 200, and
// frameworks answer an empty body with 204.
func (c *Courier) send(ctx context.Context, client *idp.Client, l idp.Logout) error {
	token, err := c.token(client, l)
	if err != nil {
		return err
	}
	body := url.Values{"logout_token": {token}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, client.BackchannelLogoutURI, strings.NewReader(body))
	if err != nil {
		return errors.New("backchannel_logout_uri is not a URL")
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := c.HTTP.Do(request)
	if err != nil {
		return outbound.Cause(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body) // the status has said it all; the connection can be used again
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the client answered %d", response.StatusCode)
	}
	return nil
}

// token is the logout token of section 2.4.
func (c *Courier) token(client *idp.Client, l idp.Logout) (string, error) {
	now := c.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": c.Issuer, "aud": client.ID, "sub": l.Subject, "sid": l.SID, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(tokenLife).Unix(),
		"events": map[string]any{event: struct{}{}},
	})
	if err != nil {
		return "", err
	}
	return c.Keys.Sign(typLogoutToken, client.IDTokenSignedResponseAlg, claims)
}
