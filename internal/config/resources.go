package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"near-idp/internal/claims"
)

// scopeToken is that of RFC 6749 section 3.3.
var scopeToken = regexp.MustCompile(`^[!#-\[\]-~]{1,100}$`)

// checkResources checks the APIs that tokens are issued for. A uri is compared
// byte for byte with what clients ask for, so it has to be written one way.
func (c *Config) checkResources(p *problems) {
	first := map[string]int{}
	for i, resource := range c.Resources {
		key := fmt.Sprintf("resources[%d]", i)
		u, err := url.Parse(resource.URI)
		switch earlier, twice := first[resource.URI]; {
		case resource.URI == "":
			p.add(key+".uri", "required: write the address of the API, such as https://api.example.com")
		case err != nil || !u.IsAbs() || strings.Contains(resource.URI, "#") || strings.ContainsFunc(resource.URI, func(r rune) bool { return r <= ' ' || r > '~' }):
			p.add(key+".uri", "%s is not an absolute URI without a fragment: write one such as https://api.example.com", quote(resource.URI))
		case resource.URI == c.Issuer:
			p.add(key+".uri", "%s is the issuer, whose userinfo needs no resource: write the address of an API of yours", quote(resource.URI))
		case twice:
			p.add(key+".uri", "%s is also the uri of resources[%d]: write one of them", quote(resource.URI), earlier)
		}
		first[resource.URI] = i
		if len(resource.Scopes) == 0 {
			p.add(key+".scopes", "required: write at least one, such as [read]; a client is registered for a resource by its scopes")
		}
		for j, scope := range resource.Scopes {
			at := fmt.Sprintf("%s.scopes[%d]", key, j)
			if !scopeToken.MatchString(scope) {
				p.add(at, "%s is not 1 to 100 printable ASCII characters without spaces, quotes and backslashes", quote(scope))
			} else if slices.Contains(claims.Scopes(), scope) {
				p.add(at, "%s is a scope of the provider itself: choose another name", quote(scope))
			}
		}
		if resource.AccessToken != 0 {
			checkRange(p, key+".access_token", resource.AccessToken, time.Second, day)
		}
	}
}
