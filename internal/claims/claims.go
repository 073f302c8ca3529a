// Package claims decides what a client learns about a person, by the claim
// policy that it is registered with. The ID token and the userinfo endpoint give the same
// claims unless the policy parts them, so that clients which read only one of them learn no
// less and no more.
//
// Who learns what:
//
//   - openid: the subject, the account id and its network. Every client needs
//     them, and the chain shows them to anybody.
//   - profile: besides, the account id under the names that applications look
//     for (preferred_username, name, nickname), the public key that signed in, and what the
//     policy adds. The key is on the chain too, but tells which of an account's keys, and so
//     perhaps which device, was used: it is not given without profile.
//   - email: an address, if the policy makes one up. An account has none.
//   - groups: the groups that the operator put the account in.
//   - offline_access: nothing about the person; it only allows refreshing.
//
// Nobody has verified an address that is made up, and applications join accounts by
// verified addresses, so email_verified is never true. Without openid there are no claims at all.
package claims

import (
	"cmp"
	"maps"
	"slices"

	"near-idp/internal/idp"
	"near-idp/internal/text"
)

// The scopes that a client may be granted.
const (
	openID        = "openid"
	profile       = "profile"
	email         = "email"
	groups        = "groups"
	offlineAccess = "offline_access"
)

// Policies are the claim policies of one configuration. They never change.
type Policies struct {
	byName map[string]*policy
	groups func(subject string) []string
}

// New returns the policies that are configured, and the built-in ones that are
// not. host is the issuer's, and groups lists those of a subject. The problems are
// all there are, in a fixed order; with any the policies are of no use.
func New(host string, configured map[string]idp.ClaimPolicy, groups func(subject string) []string) (*Policies, []*idp.Problem) {
	p := &Policies{byName: map[string]*policy{}, groups: groups}
	var found []*idp.Problem
	sources := builtin(host)
	maps.Copy(sources, configured)
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		compiled, problems := compile(name, sources[name])
		p.byName[name] = compiled
		found = append(found, problems...)
	}
	return p, found
}

// Profile returns the claims about who that the granted scopes give a client in
// one place, idp.PlaceIDToken or idp.PlaceUserInfo. The caller may change the map. Those of the token
// itself (iss, aud, exp, auth_time…) are for its issuer to add. A client
// whose policy is not configured (any more) learns what openid gives, and nothing else.
func (p *Policies) Profile(c *idp.Client, who idp.Identity, scopes []string, place string) map[string]any {
	given := map[string]any{}
	if !slices.Contains(scopes, openID) {
		return given
	}
	policy := p.byName[cmp.Or(c.ClaimPolicy, PolicyDefault)]
	if policy == nil {
		policy = bare
	}
	for name, claim := range policy.claims {
		if slices.Contains(scopes, claim.scope) && policy.goes(name, place) {
			given[name] = claim.value(who, p.groups)
		}
	}
	return given
}

// Known returns the names of the policies, in order.
func (p *Policies) Known() []string { return slices.Sorted(maps.Keys(p.byName)) }

// Names returns the claims that any of the policies may give, in order, for discovery.
func (p *Policies) Names() []string {
	all := map[string]bool{}
	for _, policy := range p.byName {
		for name := range policy.claims {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Scopes returns the scopes that a client may be granted.
func Scopes() []string { return []string{openID, profile, email, groups, offlineAccess} }

// Permission says what a scope of some other service lets a client do: only the {scope}'s name is known.
const Permission text.Message = "Use the permission {scope}"

// Describe says in plain words what a scope lets a client do; "" if there is
// no such scope.
func Describe(scope string) text.Message {
	switch scope {
	case openID:
		return "Know which NEAR account you sign in with"
	case profile:
		return "See your account name and the public key you signed with"
	case email:
		return "See an email address made from your account name, which gets no mail"
	case groups:
		return "See which groups you have been put in here"
	case offlineAccess:
		return "Keep you signed in while you are away"
	}
	return ""
}
