package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/jose"
)

// How long a published key set is trusted, whatever its server says, and how
// often it is asked for at most.
const (
	leastKeysAge  = time.Minute
	mostKeysAge   = time.Hour
	plainKeysAge  = 5 * time.Minute  // where the server says nothing
	staleKeysAge  = time.Hour        // beyond its age, while the server does not answer
	keysRetry     = 10 * time.Second // after a failure
	keysOnUnknown = time.Minute      // for a kid that is not in the set
)

// published holds the key sets that clients publish. Nobody but a registered
// client has one, and each is asked for at its own pace, so that forged
// assertions cannot make us knock more often.
type published struct {
	http *http.Client
	now  func() time.Time

	mu   sync.Mutex
	sets map[string]*publishedSet // by jwks_uri
}

type publishedSet struct {
	fetching sync.Mutex // held while asking, and to read the rest
	set      *jose.Set
	expires  time.Time
	asked    time.Time // when it was last asked for
	failure  error     // what came of it
}

// verifyByClient verifies what a client signed with one of its registered keys.
func (p *Provider) verifyByClient(ctx context.Context, c *idp.Client, token string, algs []string) ([]byte, error) {
	verify := func(set *jose.Set, err error) ([]byte, error) {
		if err != nil {
			return nil, fmt.Errorf("%w: keys of the client: %w", errAssertion, err)
		}
		payload, err := set.Verify(token, algs)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errAssertion, err)
		}
		return payload, nil
	}
	if c.JWKSURI == "" {
		return verify(jose.ParseSet([]byte(c.JWKS)))
	}
	payload, err := verify(p.published.keys(ctx, c.JWKSURI, false))
	if errors.Is(err, jose.ErrNoKey) {
		return verify(p.published.keys(ctx, c.JWKSURI, true))
	}
	return payload, err
}

// keys returns the set at a URI: from memory while it is fresh, or, if unknown
// says that a key was missing from it, while it is fresh enough for that.
func (p *published) keys(ctx context.Context, uri string, unknown bool) (*jose.Set, error) {
	if p.http == nil {
		return nil, errors.New("jwks_uri is never fetched here")
	}
	s := p.entry(uri)
	s.fetching.Lock()
	defer s.fetching.Unlock()
	now := p.now()
	due := !now.Before(s.expires)
	switch since := now.Sub(s.asked); {
	case s.failure != nil && since < keysRetry:
		due = false
	case unknown && s.failure == nil:
		due = due || since >= keysOnUnknown
	}
	if due {
		s.fetch(ctx, p.http, uri, now)
	}
	if s.set != nil && now.Before(s.expires.Add(staleKeysAge)) {
		return s.set, nil
	}
	return nil, s.failure
}

func (p *published) entry(uri string) *publishedSet {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sets[uri]
	if s == nil {
		s = &publishedSet{}
		p.sets[uri] = s
	}
	return s
}

// fetch asks once. The impatience of the request that happened to need the
// keys must not fail those that wait for the answer, too.
func (s *publishedSet) fetch(ctx context.Context, client *http.Client, uri string, now time.Time) {
	s.asked = now
	request, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, uri, nil)
	if err != nil {
		s.failure = err
		return
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := client.Do(request)
	if err != nil {
		s.failure = err
		return
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		s.failure = fmt.Errorf("jwks_uri answers %d", response.StatusCode)
		return
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, jose.MaxSet+1))
	if err != nil {
		s.failure = fmt.Errorf("jwks_uri: %w", err)
		return
	}
	set, err := jose.ParsePublishedSet(text)
	if err != nil {
		s.failure = fmt.Errorf("jwks_uri %w", err)
		return
	}
	s.set, s.failure, s.expires = set, nil, now.Add(keysAge(response.Header))
}

// keysAge is how long an answer may be kept by its Cache-Control (RFC 9111 section 5.2.2).
func keysAge(header http.Header) time.Duration {
	age := plainKeysAge
	for directive := range strings.SplitSeq(strings.ToLower(strings.Join(header.Values("Cache-Control"), ",")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache":
			return leastKeysAge
		case "max-age":
			if n, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
				age = time.Duration(n) * time.Second
			}
		}
	}
	return min(max(age, leastKeysAge), mostKeysAge)
}
