package console

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"near-idp/internal/idp"
)

// An editing is the page that changes a client.
type editing struct {
	page
	Client client
	ETag   string // of the state that the page shows
	Form   form
}

// The fields of the page, as the API names them. Those of our own are in its object "idp".
var (
	textFields  = []string{"client_name", "client_uri", "logo_uri", "policy_uri", "tos_uri", "backchannel_logout_uri", "token_endpoint_auth_method", "jwks_uri", "id_token_signed_response_alg"}
	listFields  = []string{"redirect_uris", "post_logout_redirect_uris", "grant_types"}
	flagFields  = []string{"require_pushed_authorization_requests", "dpop_bound_access_tokens"}
	ownTexts    = []string{"brand_color", "profile", "claim_policy", "access_policy"}
	ownFlags    = []string{"first_party", "require_pkce", "device_match_number"}
	lifeFields  = []string{"access_token", "id_token", "refresh_idle", "refresh_absolute"}
	editable    = slices.Concat(textFields, listFields, flagFields, ownTexts, ownFlags, lifeFields, []string{"scope", "lifetimes"})
	signingAlgs = []option{{idp.RS256, "RS256, which everything verifies"}, {idp.ES256, idp.ES256}, {idp.EdDSA, idp.EdDSA}, {idp.PS256, idp.PS256}}
	profiles    = []option{{"", "none"}, {idp.ProfileFAPI2, "FAPI 2.0 Security Profile"}}
	grantTypes  = []option{
		{idp.GrantAuthorizationCode, "Sign people in (authorization_code)"}, {idp.GrantRefreshToken, "Keep them signed in (refresh_token)"},
		{idp.GrantDeviceCode, "Sign people in on devices (device_code)"}, {idp.GrantClientCredentials, "Act for itself (client_credentials)"},
	}
)

func (s *Server) editPage(w http.ResponseWriter, r *http.Request) error {
	c, etag, err := s.readClient(r)
	if err != nil {
		return err
	}
	return s.renderEdit(w, r, editing{Client: c, ETag: etag, Form: blank(valuesOf(c.Client))})
}

// renderEdit leads to the client itself where it cannot be changed.
func (s *Server) renderEdit(w http.ResponseWriter, r *http.Request, v editing) error {
	if v.Client.fromConfig() {
		redirect(w, clientPath(v.Client.ID))
		return nil
	}
	v.page = s.view(r, sectionClients, "Edit "+v.Client.DisplayName())
	return s.render(w, r, v.Form.status(), editClientPage(v))
}

// editClient sends what the form changed, and nothing else: what a client leaves to
// the configuration's defaults stays with those.
func (s *Server) editClient(w http.ResponseWriter, r *http.Request) error {
	c, etag, err := s.readClient(r)
	if err != nil {
		return err
	}
	values := r.PostForm
	patch := difference(valuesOf(c.Client), values)
	if len(patch) == 0 && values.Get("etag") == etag {
		redirect(w, clientPath(c.ID))
		return nil
	}
	_, err = s.ask(r, call{method: http.MethodPatch, path: clientPath(c.ID), body: patch, etag: values.Get("etag")}, nil)
	if err != nil {
		f, err := refused(values, err, editable...)
		if err != nil {
			return err
		}
		return s.renderEdit(w, r, editing{Client: c, ETag: values.Get("etag"), Form: f})
	}
	redirect(w, clientPath(c.ID)+"?done=saved")
	return nil
}

// valuesOf is a client as the form shows it.
func valuesOf(c idp.Client) url.Values {
	text := func(is bool) []string {
		if is {
			return []string{"true"}
		}
		return nil
	}
	return url.Values{
		"client_name": {c.Name}, "client_uri": {c.ClientURI}, "backchannel_logout_uri": {c.BackchannelLogoutURI},
		"logo_uri": {c.LogoURI}, "policy_uri": {c.PolicyURI}, "tos_uri": {c.TosURI}, "brand_color": {c.BrandColor},
		"token_endpoint_auth_method": {c.TokenEndpointAuthMethod}, "jwks_uri": {c.JWKSURI}, "id_token_signed_response_alg": {c.IDTokenSignedResponseAlg},
		"redirect_uris": {strings.Join(c.RedirectURIs, "\n")}, "post_logout_redirect_uris": {strings.Join(c.PostLogoutRedirectURIs, "\n")},
		"grant_types": c.GrantTypes, "scope": {c.Scope},
		"require_pushed_authorization_requests": text(c.RequirePushedAuthorizationRequests), "dpop_bound_access_tokens": text(c.DPoPBoundAccessTokens),
		"profile": {c.Profile}, "claim_policy": {c.ClaimPolicy}, "access_policy": {c.AccessPolicy},
		"first_party": text(c.FirstParty), "require_pkce": text(c.MustUsePKCE()), "device_match_number": text(c.DeviceMatchNumber),
		"access_token": {c.Lifetimes.AccessToken.String()}, "id_token": {c.Lifetimes.IDToken.String()},
		"refresh_idle": {c.Lifetimes.RefreshIdle.String()}, "refresh_absolute": {c.Lifetimes.RefreshAbsolute.String()},
	}
}

// difference is the merge patch (RFC 7396) from what the form showed to what it
// came back with. What was emptied is null, which means the default.
func difference(from, to url.Values) map[string]any {
	patch, own, lives := map[string]any{}, map[string]any{}, map[string]any{}
	text := func(into map[string]any, names ...string) {
		for _, name := range names {
			if value := strings.TrimSpace(to.Get(name)); value != from.Get(name) {
				into[name] = orNull(value)
			}
		}
	}
	flag := func(into map[string]any, names ...string) {
		for _, name := range names {
			if is := to.Get(name) == "true"; is != (from.Get(name) == "true") {
				into[name] = is
			}
		}
	}
	text(patch, append(textFields, "scope")...)
	text(own, ownTexts...)
	text(lives, lifeFields...)
	flag(patch, flagFields...)
	flag(own, ownFlags...)
	for _, name := range []string{"redirect_uris", "post_logout_redirect_uris"} {
		if list := lines(to.Get(name)); !reflect.DeepEqual(list, lines(from.Get(name))) {
			patch[name] = list
		}
	}
	if !slices.Equal(slices.Sorted(slices.Values(from["grant_types"])), slices.Sorted(slices.Values(to["grant_types"]))) {
		patch["grant_types"] = append([]string{}, to["grant_types"]...)
	}
	if len(lives) > 0 {
		own["lifetimes"] = lives
	}
	if len(own) > 0 {
		patch["idp"] = own
	}
	return patch
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
