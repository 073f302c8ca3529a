package oauth

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"near-idp/internal/idp"
)

// resource returns the configured resource with this URI, compared exactly, or nil.
func (p *Provider) resource(uri string) *idp.Resource {
	for i := range p.Resources {
		if p.Resources[i].URI == uri {
			return &p.Resources[i]
		}
	}
	return nil
}

// resourcesOf returns the resource parameters without empty and repeated ones.
func resourcesOf(form url.Values) []string {
	var list []string
	for _, uri := range form[paramResource] {
		if uri != "" && !slices.Contains(list, uri) {
			list = append(list, uri)
		}
	}
	return list
}

// checkResources refuses resources that do not exist, and those for none of
// whose scopes the client is registered: to it they are the same (RFC 8707 section 2).
func (p *Provider) checkResources(c *idp.Client, wanted []string) *Error {
	allowed := c.Scopes()
	for _, uri := range wanted {
		resource := p.resource(uri)
		if resource == nil || !slices.ContainsFunc(resource.Scopes, func(scope string) bool { return slices.Contains(allowed, scope) }) {
			return bad(invalidTarget, "A requested resource is unknown, or the client is registered for none of its scopes.").
				because(unregistered(paramResource, uri, p.resourcesWith(allowed)))
		}
	}
	return nil
}

// ofResources returns those of the scopes that belong to one of the resources.
func (p *Provider) ofResources(scopes, uris []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool {
		return !slices.ContainsFunc(uris, func(uri string) bool {
			resource := p.resource(uri)
			return resource != nil && slices.Contains(resource.Scopes, scope)
		})
	})
}

// resourcesWith returns the resources that have one of the scopes.
func (p *Provider) resourcesWith(scopes []string) []string {
	var uris []string
	for _, resource := range p.Resources {
		if slices.ContainsFunc(resource.Scopes, func(scope string) bool { return slices.Contains(scopes, scope) }) {
			uris = append(uris, resource.URI)
		}
	}
	return uris
}

// personal reports a scope of the provider itself, which is about a person.
func (p *Provider) personal(scope string) bool { return slices.Contains(p.Scopes, scope) }

// grantable returns the requested scopes that exist, that the client may have and
// that give it anything. Others are ignored (OpenID Connect Core section 3.1.2.1), and so are those of
// resources other than the requested, if any are.
func (p *Provider) grantable(c *idp.Client, form url.Values) []string {
	allowed, wanted := c.Scopes(), resourcesOf(form)
	if len(wanted) == 0 {
		wanted = p.resourcesWith(allowed)
	}
	var scopes []string
	for _, scope := range strings.Fields(form.Get(paramScope)) {
		exists := p.personal(scope) && p.tells(c, scope) || len(p.ofResources([]string{scope}, wanted)) > 0
		if exists && slices.Contains(allowed, scope) && !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}

// audience is whom a grant is for: the requested resources, or if none is
// requested those whose scopes are granted; and the provider itself, for its userinfo,
// if openid is granted or there is nobody else.
func (p *Provider) audience(form url.Values, granted []string) []string {
	list := resourcesOf(form)
	if len(list) == 0 {
		list = p.resourcesWith(granted)
	}
	if len(list) == 0 || slices.Contains(granted, scopeOpenID) {
		list = append([]string{p.Issuer}, list...)
	}
	return list
}

// others returns an audience without the provider itself.
func (p *Provider) others(audience []string) []string {
	return slices.DeleteFunc(slices.Clone(audience), func(uri string) bool { return uri == p.Issuer })
}

// A target is what one access token is good for: a grant, or a part of it.
type target struct {
	scopes   []string
	audience []string
	life     time.Duration
}

// aim returns the part of a grant that a token request asks for. By scope a
// refresh can narrow it (RFC 6749 section 6), by resource any request can (RFC 8707
// section 2.2), which leaves the scopes of the resources named; nothing widens it.
func (p *Provider) aim(c *idp.Client, grant *idp.Grant, form url.Values) (target, *Error) {
	t := target{scopes: grant.Scopes, audience: grant.Audience}
	if wanted := strings.Fields(form.Get(paramScope)); len(wanted) > 0 && form.Get("grant_type") == idp.GrantRefreshToken {
		t.scopes = slices.DeleteFunc(slices.Clone(t.scopes), func(scope string) bool { return !slices.Contains(wanted, scope) })
	}
	if subset := resourcesOf(form); len(subset) > 0 {
		for _, uri := range subset {
			if uri == p.Issuer || !slices.Contains(grant.Audience, uri) {
				return target{}, bad(invalidTarget, "A requested resource was not granted.").because(unregistered(paramResource, uri, p.others(grant.Audience)))
			}
		}
		t.audience, t.scopes = subset, p.ofResources(t.scopes, subset)
	}
	t.life = p.lifetimes(c).AccessToken.Std()
	for _, uri := range t.audience {
		if resource := p.resource(uri); resource != nil && resource.AccessToken != 0 {
			t.life = min(t.life, resource.AccessToken.Std())
		}
	}
	return t, nil
}
