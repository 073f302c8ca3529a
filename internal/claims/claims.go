// Package claims decides what a client learns about a person. The ID token and
// the userinfo endpoint give the same claims, so that clients which read only
// one of them learn no less and no more.
//
// Who learns what:
//
//   - openid: the subject, the account id and its network. Every client needs
//     them, and the chain shows them to anybody.
//   - profile: besides, the account id under the names that applications look
//     for (preferred_username, name), and the public key that signed in. The
//     key is on the chain too, but tells which of an account's keys, and so
//     perhaps which device, was used: it is not given without profile.
//   - offline_access: nothing about the person; it only allows refreshing.
//
// There is never an email: an account has none, and an invented one is trusted by
// applications that link users by it. Without openid there are no claims at all.
package claims

import (
	"slices"

	"near-idp/internal/idp"
)

const (
	openID        = "openid"
	profile       = "profile"
	offlineAccess = "offline_access"
)

// Profile returns the claims about who that the granted scopes give. The caller
// may change the map. Those of the token itself (iss, aud, exp, auth_time…)
// are for the issuer of the token to add.
func Profile(who idp.Identity, scopes []string) map[string]any {
	claims := map[string]any{}
	if !slices.Contains(scopes, openID) {
		return claims
	}
	claims["sub"] = who.Subject
	claims["near_account_id"] = who.AccountID
	claims["near_network"] = who.Network
	if slices.Contains(scopes, profile) {
		// There is no other name: an account has an id and nothing else.
		claims["preferred_username"] = who.AccountID
		claims["name"] = who.AccountID
		claims["near_public_key"] = who.PublicKey
	}
	return claims
}

// Scopes returns the scopes that a client may be granted.
func Scopes() []string { return []string{openID, profile, offlineAccess} }

// Names returns the claims that Profile may give, for discovery.
func Names() []string {
	return []string{"sub", "preferred_username", "name", "near_account_id", "near_network", "near_public_key"}
}

// Describe says in plain words what a scope lets a client do; "" if there is
// no such scope.
func Describe(scope string) string {
	switch scope {
	case openID:
		return "Know which NEAR account you sign in with"
	case profile:
		return "See your account name and the public key you signed with"
	case offlineAccess:
		return "Keep you signed in while you are away"
	}
	return ""
}
