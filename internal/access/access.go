// Package access decides who may sign in to a client, and which groups an
// account is in, by the rules of the operator's configuration. It asks nobody: rules are in memory.
package access

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"near-idp/internal/idp"
)

// groupEntry begins the entry of an access policy that names a group.
const groupEntry = "group:"

// groupSyntax is that of a group's name: what applications can compare and put into a list.
var groupSyntax = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99}$`)

// Rules are the groups and access policies of one configuration. They never change.
type Rules struct {
	groups   map[string]*set
	names    []string // of groups, in order
	policies map[string]*policy
}

type policy struct {
	allow, deny list
}

// A list is one side of a policy.
type list struct {
	set
	groups []string
}

func (l *list) empty() bool { return l.set.empty() && len(l.groups) == 0 }

// New reads groups, by name the accounts and globs that are in them, and access
// policies. The problems are all there are, in a fixed order; with any the rules are of no use.
func New(groups map[string][]string, policies map[string]idp.AccessPolicy) (*Rules, []*idp.Problem) {
	r := &Rules{groups: map[string]*set{}, names: slices.Sorted(maps.Keys(groups)), policies: map[string]*policy{}}
	var found []*idp.Problem
	wrong := func(err error, key string, args ...any) {
		if err != nil {
			found = append(found, &idp.Problem{Key: fmt.Sprintf(key, args...), Err: err})
		}
	}
	for _, name := range r.names {
		r.groups[name] = &set{}
		if !groupSyntax.MatchString(name) {
			wrong(fmt.Errorf("%.100q is no name for a group: use 1 to 100 of A-Z a-z 0-9 . _ : / @ + -, the first a letter or digit", name), "groups.%s", name)
		}
		for i, entry := range groups[name] {
			err := r.groups[name].add(entry)
			if strings.HasPrefix(entry, groupEntry) {
				err = errors.New("a group cannot hold another: list its accounts here too")
			}
			wrong(err, "groups.%s[%d]", name, i)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		p := &policy{}
		for i, entry := range policies[name].Allow {
			wrong(r.add(&p.allow, entry), "access_policies.%s.allow[%d]", name, i)
		}
		for i, entry := range policies[name].Deny {
			wrong(r.add(&p.deny, entry), "access_policies.%s.deny[%d]", name, i)
		}
		r.policies[name] = p
	}
	return r, found
}

func (r *Rules) add(l *list, entry string) error {
	group, ok := strings.CutPrefix(entry, groupEntry)
	if !ok {
		return l.set.add(entry)
	}
	if r.groups[group] == nil {
		return fmt.Errorf("there is no group %.100q: add it under groups", group)
	}
	l.groups = append(l.groups, group)
	return nil
}

// Groups returns the names of the groups that a subject is in, in order; never nil.
func (r *Rules) Groups(subject string) []string {
	in := []string{}
	for _, name := range r.names {
		if r.groups[name].has(subject) {
			in = append(in, name)
		}
	}
	return in
}

// Names returns the names of the access policies, in order; never nil.
func (r *Rules) Names() []string { return append([]string{}, slices.Sorted(maps.Keys(r.policies))...) }

// Check returns nil if the policy of this name lets a subject in, and otherwise
// an error that wraps idp.ErrDenied and says why, for operators. Deny wins; an empty Allow is
// everybody; a client without a policy takes everybody; and a policy that
// is not configured (any more, or at this replica yet) lets nobody in, for which the error wraps
// idp.ErrUnconfigured as well. Whoever is denied stays so by each name of theirs: an account cannot be
// cleared by deleting it and making it anew.
func (r *Rules) Check(name, subject string) error {
	if name == "" {
		return nil
	}
	p := r.policies[name]
	switch {
	case p == nil:
		return fmt.Errorf("%w: the access policy %q is %w, so nobody may sign in: add it under access_policies, or give the client another", idp.ErrDenied, name, idp.ErrUnconfigured)
	case r.has(&p.deny, subject) || r.has(&p.deny, accountOf(subject)):
		return fmt.Errorf("%w: the access policy %q denies %s", idp.ErrDenied, name, subject)
	case !p.allow.empty() && !r.has(&p.allow, subject):
		return fmt.Errorf("%w: the access policy %q does not allow %s", idp.ErrDenied, name, subject)
	}
	return nil
}

func (r *Rules) has(l *list, subject string) bool {
	return l.set.has(subject) || slices.ContainsFunc(l.groups, func(name string) bool { return r.groups[name].has(subject) })
}
