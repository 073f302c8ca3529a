package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"near-idp/internal/idp"
)

// A key is written idpk_ID_SECRET, so that one that leaked is recognised by scanners and
// by its owner, who sees idpk_ID in lists.
const (
	keyMark    = "idpk_"
	keyIDSize  = 12
	maxKeyName = 100 // characters
	maxKeyLife = 366 * 24 * time.Hour
)

var keySyntax = regexp.MustCompile(`^idpk_([A-Z2-7]{12})_([A-Z2-7]{52})$`)

func keyID(value string) (id string, ok bool) {
	parts := keySyntax.FindStringSubmatch(value)
	if parts == nil {
		return "", false
	}
	return parts[1], true
}

// newKey makes the value of a key and fills in what is kept of it.
func newKey(key *idp.APIKey) idp.Secret {
	key.ID = rand.Text()[:keyIDSize]
	key.Prefix = keyMark + key.ID
	value := key.Prefix + "_" + rand.Text() + rand.Text()
	hash := sha256.Sum256([]byte(value))
	key.Hash = hash[:]
	return idp.Secret(value)
}

func (s *Server) listAPIKeys(w http.ResponseWriter, r *http.Request) error {
	keys, err := s.Store.APIKeys(r.Context())
	if err != nil {
		return fmt.Errorf("list API keys: %w", err)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"items": orEmpty(keys)})
}

// createAPIKey makes a key. Nobody can make one that may do more, or lives longer, than
// the key they call with: a stolen key must not outlive its expiry.
func (s *Server) createAPIKey(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Name      string    `json:"name"`
		Scopes    []string  `json:"scopes"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	key := idp.APIKey{
		Name: strings.TrimSpace(body.Name), Scopes: slices.Compact(slices.Sorted(slices.Values(body.Scopes))),
		CreatedAt: s.Now().UTC().Truncate(time.Microsecond), ExpiresAt: body.ExpiresAt, CreatedBy: caller(r).Actor,
	}
	if err := s.checkKey(r, key); err != nil {
		return err
	}
	value := newKey(&key)
	if dryRun(r) {
		return writeJSON(w, http.StatusOK, keyMade{APIKey: key})
	}
	if err := s.Store.CreateAPIKey(r.Context(), key); err != nil {
		return fmt.Errorf("create API key: %w", err)
	}
	return writeJSON(w, http.StatusCreated, keyMade{key, string(value)})
}

// keyMade is the one answer that holds the key itself.
type keyMade struct {
	idp.APIKey
	Value string `json:"key,omitempty"`
}

func (s *Server) checkKey(r *http.Request, key idp.APIKey) error {
	var list []fieldProblem
	add := func(field, format string, args ...any) {
		list = append(list, fieldProblem{field, fmt.Sprintf(format, args...)})
	}
	if !utf8.ValidString(key.Name) || utf8.RuneCountInString(key.Name) > maxKeyName || strings.ContainsFunc(key.Name, func(c rune) bool { return !unicode.IsPrint(c) }) {
		add("name", "must be at most %d printable characters", maxKeyName)
	}
	if len(key.Scopes) == 0 {
		add("scopes", "is empty: name at least one of %s", strings.Join(Scopes(), ", "))
	}
	by := caller(r)
	for _, scope := range key.Scopes {
		switch {
		case !slices.Contains(Scopes(), scope):
			add("scopes", "%.60q is not known: use some of %s", scope, strings.Join(Scopes(), ", "))
		case !by.May(scope):
			add("scopes", "%s is more than the key that you call with may do", scope)
		}
	}
	now := s.Now()
	switch end := key.ExpiresAt; {
	case end.IsZero():
		add("expires_at", "is missing: a key that never expires is never replaced; name a time at most 366 days away")
	case !end.After(now):
		add("expires_at", "%s is past", end.Format(time.RFC3339))
	case end.Sub(now) > maxKeyLife:
		add("expires_at", "%s is more than 366 days away", end.Format(time.RFC3339))
	case by.Key != nil && !by.Key.ExpiresAt.IsZero() && end.After(by.Key.ExpiresAt):
		add("expires_at", "is later than that of the key that you call with, %s", by.Key.ExpiresAt.Format(time.RFC3339))
	}
	return invalid(list)
}

func (s *Server) revokeAPIKey(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("key_id")
	if dryRun(r) {
		keys, err := s.Store.APIKeys(r.Context())
		if err == nil && !slices.ContainsFunc(keys, func(k idp.APIKey) bool { return k.ID == id }) {
			err = idp.ErrNotFound
		}
		return noContent(w, err, "API key", id)
	}
	return noContent(w, s.Store.RevokeAPIKey(r.Context(), id), "API key", id)
}
