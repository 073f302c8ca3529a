package oauth

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"near-idp/internal/idp"
)

// consent says what the person of a request must have agreed to. Silence is
// for the operator's own applications alone; and a session never answers
// unasked for a public client on a device, which anybody can pretend to be (RFC 8252 section 8.6).
// asked are scopes whose claims it asks for by name instead.
func (p *Provider) consent(rp *relyingParty, form url.Values, code *idp.Code, asked []string, fresh bool) idp.Consent {
	terms := idp.Consent{Scopes: slices.Clone(code.Scopes), Client: fingerprint(rp)}
	for _, scope := range asked {
		if !slices.Contains(terms.Scopes, scope) {
			terms.Scopes = append(terms.Scopes, scope)
		}
	}
	terms.Resources = p.others(code.Audience)
	switch {
	case promptOf(form).consent:
		terms.Asked = idp.AskAlways
	case rp.FirstParty:
		terms.Asked = idp.AskNever
	case !fresh && rp.Public() && !strings.HasPrefix(rp.redirect, "https:"):
		terms.Asked = idp.AskAlways
	}
	return terms
}

// fingerprint stands for what the person was shown of a client.
func fingerprint(rp *relyingParty) string {
	sum := sha256.Sum256([]byte(rp.DisplayName() + "\x00" + redirectHost(rp.redirect)))
	return hex.EncodeToString(sum[:16])
}

// claimsRequest is the claims parameter (OpenID Connect Core section 5.5).
type claimsRequest struct {
	IDToken  map[string]*claimRequest `json:"id_token"`
	UserInfo map[string]*claimRequest `json:"userinfo"`
}

type claimRequest struct {
	Value any `json:"value"`
}

// requestedClaims lists the claims about a person that the claims parameter asks
// for and that the client may have, by its policy and the scopes that it is registered
// for; the rest is ignored. A member is named after where it goes, such as
// "userinfo:name". scopes are those that would give the same.
func (p *Provider) requestedClaims(c *idp.Client, form url.Values) (list, scopes []string) {
	request, ok := parseClaims(form)
	if !ok {
		return nil, nil
	}
	places := map[string]map[string]*claimRequest{idp.PlaceIDToken: request.IDToken, idp.PlaceUserInfo: request.UserInfo}
	for _, scope := range p.Scopes {
		if !slices.Contains(c.Scopes(), scope) {
			continue
		}
		for place, members := range places {
			for name := range p.gives(c, scope, place) {
				if _, asked := members[name]; asked && !slices.Contains(list, place+":"+name) {
					list, scopes = append(list, place+":"+name), append(scopes, scope)
				}
			}
		}
	}
	slices.Sort(list)
	return list, slices.Compact(scopes)
}

// gives returns the claims that a scope discloses to a client, of nobody in particular.
func (p *Provider) gives(c *idp.Client, scope, place string) map[string]any {
	return p.Profile(c, idp.Identity{}, []string{scopeOpenID, scope}, place)
}

// tells reports that a scope gives a client anything. Whether that is so of an email
// address, say, is a matter of the client's policy.
func (p *Provider) tells(c *idp.Client, scope string) bool {
	return scope == scopeOpenID || scope == scopeOfflineAccess ||
		slices.ContainsFunc([]string{idp.PlaceIDToken, idp.PlaceUserInfo}, func(place string) bool {
			return len(p.gives(c, scope, place)) > len(p.gives(c, scopeOpenID, place))
		})
}

func parseClaims(form url.Values) (request claimsRequest, ok bool) {
	raw := form.Get(paramClaims)
	if raw == "" {
		return request, false
	}
	return request, json.Unmarshal([]byte(raw), &request) == nil
}

// disclose returns the claims about a person for a client and one place: those of the
// scopes, and those that were asked for by name.
func (p *Provider) disclose(c *idp.Client, who idp.Identity, scopes, claims []string, place string) map[string]any {
	disclosed := p.Profile(c, who, scopes, place)
	var all map[string]any
	for _, claim := range claims {
		name, ok := strings.CutPrefix(claim, place+":")
		if !ok {
			continue
		}
		if all == nil {
			all = p.Profile(c, who, p.Scopes, place)
		}
		if value, ok := all[name]; ok {
			disclosed[name] = value
		}
	}
	return disclosed
}

// wantedSubject is whom a request's id_token_hint or claims parameter names. A hint that
// we did not sign is refused; an expired one is as good as any.
func (p *Provider) wantedSubject(c *idp.Client, form url.Values) (string, *Error) {
	var subject string
	if request, ok := parseClaims(form); ok && request.IDToken["sub"] != nil {
		subject, _ = request.IDToken["sub"].Value.(string)
	}
	if hint := form.Get(paramIDTokenHint); hint != "" {
		claims, err := p.idToken(hint)
		if err != nil {
			return "", &Error{Status: 400, Code: invalidRequest, Description: "The parameter id_token_hint is not an ID token of this provider.", Err: err}
		}
		if subject != "" && subject != claims.Subject {
			return "", bad(invalidRequest, "The parameters id_token_hint and claims name different people.")
		}
		subject = claims.Subject
	}
	return subject, nil
}

// IDTokenClaims are those of an ID token that came back as a hint.
type IDTokenClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	SID      string   `json:"sid"`
	// AuthorizedParty is absent from our own tokens, whose audience is one client.
	AuthorizedParty string `json:"azp"`
}

// audience reads the "aud" claim, a string or a list (RFC 7519 section 4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(raw []byte) error {
	var one string
	if err := json.Unmarshal(raw, &one); err == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(a))
}

// idToken verifies an ID token of ours, which may have expired.
func (p *Provider) idToken(token string) (*IDTokenClaims, error) {
	payload, err := p.Keys.Verify(token, typIDToken)
	if err != nil {
		return nil, err
	}
	var claims IDTokenClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, err
	}
	if claims.Issuer != p.Issuer || claims.Subject == "" {
		return nil, errForeignToken
	}
	return &claims, nil
}

// accountOf is the account of a subject: "alice.near#2" is an incarnation of alice.near.
func accountOf(subject string) string {
	account, _, _ := strings.Cut(subject, "#")
	return account
}
