package access

import (
	"fmt"
	"regexp"
	"strings"

	"near-idp/internal/near"
)

// everybody is the entry that means every account.
const everybody = "*"

// laterOwner ends the subject of somebody who has an account after others had it.
var laterOwner = regexp.MustCompile(`#([2-9]|[1-9][0-9]{1,8})$`)

// A set is accounts, and accounts below others. The zero value is empty.
type set struct {
	exact map[string]bool
	below map[string]bool // by the part behind "*."
	all   bool
}

// add reads one entry: an account, the subject of a later owner of one, "*.parent" or "*".
func (s *set) add(entry string) error {
	if entry == everybody {
		s.all = true
		return nil
	}
	account, glob := strings.CutPrefix(entry, "*.")
	if strings.Contains(account, "*") {
		return fmt.Errorf("%.100q has a * that is not at its left end before a dot: write an account, or *.corp.near for every account below corp.near, or * for everybody", entry)
	}
	id := account
	if !glob {
		id = laterOwner.ReplaceAllString(account, "")
	}
	if _, err := near.ParseAccountID(id); err != nil {
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

// has reports whether a subject is in the set. Its account is below each of its
// ancestors, however far up: a.b.corp.near is below b.corp.near, corp.near and near; who owns
// the one above decides to whom the one below is given, if need be again. An account by itself
// is its first owner, and nobody who made it anew after that one had deleted it.
func (s *set) has(subject string) bool {
	if s.all || s.exact[subject] {
		return true
	}
	account := accountOf(subject)
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

// accountOf is the account of a subject.
func accountOf(subject string) string {
	account, _, _ := strings.Cut(subject, "#")
	return account
}

func (s *set) empty() bool { return !s.all && len(s.exact) == 0 && len(s.below) == 0 }
