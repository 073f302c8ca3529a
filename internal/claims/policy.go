package claims

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"near-idp/internal/idp"
)

// A policy is a claim policy as it is used.
type policy struct {
	claims map[string]claim
	places map[string][]string // the claims that go to a place; absent: all
}

// A claim is one that a scope gives.
type claim struct {
	scope string
	value func(who idp.Identity, groups func(subject string) []string) any
}

// goes reports that a claim goes to a place. The subject always does: whoever reads
// userinfo has to compare it with the ID token's (OpenID Connect Core section 5.3.2).
func (p *policy) goes(name, place string) bool {
	listed, some := p.places[place]
	return !some || name == "sub" || slices.Contains(listed, name)
}

const (
	maxValue = 256 // bytes of a claim's template
	omit     = "omit"

	accountID  = "{account_id}"
	listGroups = "{groups}"
)

var (
	// bare is what openid gives.
	bare = &policy{claims: map[string]claim{
		"sub":             {openID, func(who idp.Identity, _ func(string) []string) any { return who.Subject }},
		"near_account_id": {openID, func(who idp.Identity, _ func(string) []string) any { return who.AccountID }},
		"near_network":    {openID, func(who idp.Identity, _ func(string) []string) any { return who.Network }},
	}}
	// always is what every policy gives besides, before it adds to it. There is no other
	// name: an account has an id and nothing else.
	always = map[string]claim{
		"preferred_username": templated(accountID),
		"name":               templated(accountID),
		"nickname":           templated(accountID),
		"near_public_key":    {profile, func(who idp.Identity, _ func(string) []string) any { return who.PublicKey }},
		"groups":             ofGroups,
	}
	ofGroups    = claim{groups, func(who idp.Identity, groups func(string) []string) any { return groups(who.Subject) }}
	notVerified = claim{email, func(idp.Identity, func(string) []string) any { return false }}
)

// templated is a claim with places to fill in.
func templated(template string) claim {
	if template == accountID {
		return claim{profile, func(who idp.Identity, _ func(string) []string) any { return who.AccountID }}
	}
	return claim{profile, func(who idp.Identity, _ func(string) []string) any {
		return strings.NewReplacer(accountID, who.AccountID, "{sub}", who.Subject, "{network}", who.Network).Replace(template)
	}}
}

// reserved are the claims that say what a token is, for whom and how it came to be,
// and those whose meaning is fixed here. Whoever could set them could forge tokens.
var reserved = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "nonce", "auth_time", "acr", "amr", "azp", "at_hash", "c_hash", "s_hash", "sid",
	"cnf", "act", "may_act", "client_id", "scope", "grant_id", "events", "sub_jwk", "_claim_names", "_claim_sources",
	"near_account_id", "near_network", "near_public_key",
}

// identifying are claims by which applications find a user. If they did not differ by
// account, everybody would be the same one.
var identifying = []string{"preferred_username", "nickname", "login", "username", "user_name", "upn", "unique_name", "uid"}

var claimSyntax = regexp.MustCompile(`^[A-Za-z0-9_:./-]{1,100}$`)

// compile checks a policy and makes it ready to use.
func compile(name string, source idp.ClaimPolicy) (*policy, []*idp.Problem) {
	p := &policy{claims: maps.Clone(bare.claims), places: map[string][]string{}}
	maps.Copy(p.claims, always)
	var found []*idp.Problem
	wrong := func(err error, key string, args ...any) {
		if err != nil {
			found = append(found, &idp.Problem{Key: "claim_policies." + name + "." + fmt.Sprintf(key, args...), Err: err})
		}
	}
	for _, claim := range slices.Sorted(maps.Keys(source.Add)) {
		wrong(p.add(claim, source.Add), "add.%s", claim)
	}
	for _, place := range []struct {
		name   string
		listed []string
	}{{idp.PlaceIDToken, source.IDToken}, {idp.PlaceUserInfo, source.UserInfo}} {
		if place.listed == nil {
			continue
		}
		p.places[place.name] = place.listed
		for i, claim := range place.listed {
			if _, given := p.claims[claim]; !given {
				wrong(fmt.Errorf("%.100q is no claim of this policy: use some of %s, or put it under add", claim, strings.Join(slices.Sorted(maps.Keys(p.claims)), ", ")),
					"%s[%d]", place.name, i)
			}
		}
	}
	return p, found
}

// add adds one claim of those that a policy adds.
func (p *policy) add(name string, all map[string]string) error {
	template := all[name]
	switch {
	case name == "email_verified":
		return checkVerified(template, all["email"])
	case slices.Contains(reserved, name):
		return fmt.Errorf("%q is set by the provider itself and no policy can change it; the same holds for %s", name, strings.Join(reserved, ", "))
	case !claimSyntax.MatchString(name):
		return fmt.Errorf("%.100q is no name for a claim: use 1 to 100 of A-Z a-z 0-9 _ : . / -", name)
	case template == "" || len(template) > maxValue:
		return fmt.Errorf("the value has %d bytes: write 1 to %d; a claim that should not be given is left out of id_token and userinfo", len(template), maxValue)
	case template == listGroups:
		p.claims[name] = ofGroups
		return nil
	case name == "groups":
		return errors.New(`groups is always the list of the account's groups: write "{groups}", or leave it out`)
	case name == "email" || strings.Contains(template, "@"):
		made, err := address(template)
		if err != nil {
			return err
		}
		p.claims[name] = made
		if name == "email" {
			p.claims[name] = claim{email, made.value}
			if all["email_verified"] != omit {
				p.claims["email_verified"] = notVerified
			}
		}
		return nil
	}
	p.claims[name] = templated(template)
	return checkText(name, template)
}

// checkVerified refuses the one value that would let a made-up address take over the
// account of somebody who has it in another way.
func checkVerified(value, address string) error {
	switch {
	case value == "true":
		return errors.New("an address that is made up was verified by nobody, and applications join accounts by verified addresses: it is never true. Write false, or omit for software that takes false for a refusal, such as oauth2-proxy")
	case value != "false" && value != omit:
		return fmt.Errorf("%.100q is neither false nor omit", value)
	case address == "":
		return errors.New("there is no email to say it of: add one, or leave this out")
	}
	return nil
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}|[{}]`)

// checkText checks a template that is no address.
func checkText(name, template string) error {
	for _, found := range placeholder.FindAllString(template, -1) {
		if found != accountID && found != "{sub}" && found != "{network}" {
			return fmt.Errorf("%.100q is no placeholder: write {account_id}, {sub} or {network}, or {groups} alone", found)
		}
	}
	if slices.Contains(identifying, name) && !strings.Contains(template, accountID) && !strings.Contains(template, "{sub}") {
		return fmt.Errorf("applications tell users apart by %s, so it has to contain {account_id} or {sub}", name)
	}
	if name == "picture" {
		u, err := url.Parse(strings.NewReplacer("{", "", "}", "").Replace(template))
		if err != nil || u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("%.100q is not the https address of a picture: write one such as https://example.com/avatars/{account_id}.png", template)
		}
	}
	return nil
}
