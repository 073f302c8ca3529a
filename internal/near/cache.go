package near

import (
	"sync"
	"time"
)

// maxCachedKeys bounds the memory that answers can take; a full cache only
// costs an extra question.
const maxCachedKeys = 4096

type cacheKey struct {
	id  AccountID
	key PublicKey
}

type cacheEntry struct {
	check   KeyCheck
	expires time.Time
}

// keyCache remembers authorised answers for a few seconds, enough for the
// several checks of one login.
type keyCache struct {
	uses
	ttl     time.Duration
	mu      sync.Mutex
	entries map[cacheKey]cacheEntry
}

func (k *keyCache) lookup(id AccountID, key PublicKey, now time.Time) (KeyCheck, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	entry, ok := k.entries[cacheKey{id, key}]
	hit := ok && now.Before(entry.expires)
	k.count(hit)
	return entry.check, hit
}

// store keeps an authorised check. asked is when the question was put: the
// answer ages from then on.
func (k *keyCache) store(id AccountID, key PublicKey, check KeyCheck, asked time.Time) {
	if check.Status != Authorised || k.ttl <= 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.entries) >= maxCachedKeys {
		for at, entry := range k.entries {
			if !asked.Before(entry.expires) {
				delete(k.entries, at)
			}
		}
		if len(k.entries) >= maxCachedKeys {
			return
		}
	}
	if k.entries == nil {
		k.entries = map[cacheKey]cacheEntry{}
	}
	k.entries[cacheKey{id, key}] = cacheEntry{check: check, expires: asked.Add(k.ttl)}
}
