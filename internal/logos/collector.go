package logos

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"near-idp/internal/due"
	"near-idp/internal/idp"
	"near-idp/internal/outbound"
)

// A Store keeps the logos of all replicas.
type Store interface {
	// ClaimLogos leases logos that are to be fetched: nobody else is given them before the lease ends.
	ClaimLogos(ctx context.Context, limit int, lease time.Duration) ([]idp.DueLogo, error)
	// NextLogo returns how long it is until one is to be fetched again, or idp.ErrNotFound if there is none.
	NextLogo(ctx context.Context) (time.Duration, error)
	// SaveLogo stores what was claimed, and when it is due again.
	SaveLogo(ctx context.Context, due idp.DueLogo, image idp.Image, again time.Duration) error
	// RefuseLogo notes why there is no new one, keeps the old, and says when it is due again.
	RefuseLogo(ctx context.Context, due idp.DueLogo, reason string, again time.Duration) error
}

// Options configures New. All fields are required.
type Options struct {
	Store Store
	// HTTP bounds the time and size of an answer, follows no redirect and keeps off the
	// operator's own network; see package outbound. Its bodies may have MaxBytes.
	HTTP *http.Client
	Log  *slog.Logger
}

const (
	// parallel are the logos that one replica fetches at a time; it draws one at a time.
	parallel = 4
	lease    = 2 * time.Minute
	patience = 20 * time.Second // with one logo, redirects included
	maxHops  = 3
	// refresh is how old a logo gets before it is fetched again.
	refresh = 7 * 24 * time.Hour
	idle    = 10 * time.Minute
	breath  = time.Second
)

// pauses are waited for after each failed attempt, the last one again and again.
var pauses = []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}

// A Collector fetches logos in the background: of clients that are new or have
// changed, and each again every week. Run it once in each replica.
type Collector struct {
	Options
	*due.Worker[idp.DueLogo]
	drawing sync.Mutex // bounds the memory that images take
}

// New returns a Collector.
func New(opts Options) *Collector {
	c := &Collector{Options: opts}
	c.Worker = due.New(due.Work[idp.DueLogo]{
		Name: "logos", Claim: opts.Store.ClaimLogos, Next: opts.Store.NextLogo, Do: c.collect,
		Parallel: parallel, Lease: lease, Idle: idle, Breath: breath, Log: opts.Log,
	})
	return c
}

// collect makes one attempt. If the store cannot be told what came of it, the lease
// ends and there is another.
func (c *Collector) collect(ctx context.Context, logo idp.DueLogo) {
	log := c.Log.With("client_id", logo.ClientID)
	png, err := c.image(ctx, logo.Source)
	if ctx.Err() != nil {
		return // shutting down says nothing about the logo
	}
	if err != nil {
		again := pauses[min(max(logo.Attempts, 1), len(pauses))-1]
		log.Warn("logo refused", "err", err, "retry_in", again.String())
		err = c.Store.RefuseLogo(ctx, logo, err.Error(), again)
	} else {
		sum := sha256.Sum256(png)
		log.Info("logo fetched", "hash", hex.EncodeToString(sum[:]))
		err = c.Store.SaveLogo(ctx, logo, idp.Image{Hash: hex.EncodeToString(sum[:]), PNG: png}, refresh)
	}
	if err != nil && ctx.Err() == nil {
		log.Warn("logo: note the outcome", "err", err)
	}
}

func (c *Collector) image(ctx context.Context, source string) ([]byte, error) {
	get := ParseData
	if !IsData(source) {
		get = func(source string) ([]byte, error) { return c.fetch(ctx, source) }
	}
	raw, err := get(source)
	if err != nil {
		return nil, err
	}
	c.drawing.Lock()
	defer c.drawing.Unlock()
	return Redraw(raw)
}

// fetch follows a few redirects, each of which is held to the same policy as the first address.
func (c *Collector) fetch(ctx context.Context, source string) ([]byte, error) {
	ctx, done := context.WithTimeout(ctx, patience)
	defer done()
	at, err := url.Parse(source)
	if err != nil {
		return nil, errors.New("its address is not a URL")
	}
	for range maxHops + 1 {
		raw, to, err := c.get(ctx, at)
		if err != nil || to == nil {
			return raw, err
		}
		at = to
	}
	return nil, fmt.Errorf("its address leads on and on: at most %d redirects are followed", maxHops)
}

// get makes one request, which is answered with an image or leads to another address.
func (c *Collector) get(ctx context.Context, at *url.URL) (raw []byte, to *url.URL, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, nil, errors.New("its address is not a URL")
	}
	request.Header.Set("Accept", "image/png, image/webp, image/jpeg, image/gif")
	response, err := c.HTTP.Do(request)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", at.Host, outbound.Cause(err))
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		raw, err = io.ReadAll(response.Body)
		if err != nil {
			err = fmt.Errorf("%s: %w", at.Host, outbound.Cause(err))
		}
		return raw, nil, err
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		if to, err = response.Location(); err != nil {
			return nil, nil, fmt.Errorf("%s: it answered with a redirect to nowhere", at.Host)
		}
		return nil, to, nil
	}
	return nil, nil, fmt.Errorf("%s: it answered %d", at.Host, response.StatusCode)
}
