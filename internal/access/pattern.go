package access

import (
	"fmt"
	"strings"

	"near-idp/internal/near"
)

// everybody is the entry that means every account.
const everybody = "*"

// A set is accounts, and accounts below others. The zero value is empty.
type set struct {
	exact map[string]bool
	below map[string]bool // by the part behind "*."
	all   bool
}

// add reads one entry: an account, "*.parent" or "*".
func (s *set) add(entry string) error {
	if entry == everybody {
		s.all = true
		return nil
	}
	account, glob := strings.CutPrefix(entry, "*.")
	if strings.Contains(account, "*") {
		return fmt.Errorf("%.100q has a * that is not at its left end before a dot: write an account, or *.corp.near for every account below corp.near, or * for everybody", entry)
	}
	if _, err := near.ParseAccountID(account); err != nil {
		return fmt.Errorf("%.100q is no account of NEAR: %w", entry, err)
	}
	into := &s.exact
	if glob {
		into = &s.below
	}
	if *into == nil {
		*into = map[string]bool{}
	}
	(*into)[account] = true
	return nil
}

// has reports whether an account is in the set. An account is below each of its
// ancestors, however far up: a.b.corp.near is below b.corp.near, corp.near and near.
func (s *set) has(account string) bool {
	if s.all || s.exact[account] {
		return true
	}
	if len(s.below) == 0 {
		return false
	}
	_, parent, deeper := strings.Cut(account, ".")
	for ; deeper; _, parent, deeper = strings.Cut(parent, ".") {
		if s.below[parent] {
			return true
		}
	}
	return false
}

func (s *set) empty() bool { return !s.all && len(s.exact) == 0 && len(s.below) == 0 }
