package keyring

import (
	"context"
	"errors"
	"fmt"

	"near-idp/internal/idp"
)

// Check reads every key that still counts, tries to unwrap it, and changes nothing. It
// returns how many there are. The error joins one for each key that no encryption key
// opens and each algorithm that has no key.
func (v Vault) Check(ctx context.Context) (int, error) {
	v, err := v.complete()
	if err != nil {
		return 0, err
	}
	keys, now, err := v.Store.SigningKeys(ctx)
	if err != nil {
		return 0, fmt.Errorf("read signing keys: %w", err)
	}
	var problems []error
	missing := map[string]bool{}
	for _, alg := range v.inUse() {
		missing[alg] = true
	}
	n := 0
	for _, k := range keys {
		if k.State(now) == idp.KeyExpired {
			continue
		}
		n++
		delete(missing, k.Alg)
		if _, err := unwrap(v.KEKs, k); err != nil {
			problems = append(problems, err)
		}
	}
	if len(missing) == len(v.inUse()) {
		return 0, nil // a new database: the first start makes them
	}
	for alg := range missing {
		problems = append(problems, fmt.Errorf("%s has no key yet: the next start makes it", alg))
	}
	return n, errors.Join(problems...)
}
