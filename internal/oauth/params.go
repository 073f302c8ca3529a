package oauth

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"near-idp/internal/idp"
)

const (
	paramClientID            = "client_id"
	paramRedirectURI         = "redirect_uri"
	paramResponseType        = "response_type"
	paramResponseMode        = "response_mode"
	paramScope               = "scope"
	paramState               = "state"
	paramNonce               = "nonce"
	paramPrompt              = "prompt"
	paramMaxAge              = "max_age"
	paramLoginHint           = "login_hint"
	paramCodeChallenge       = "code_challenge"
	paramCodeChallengeMethod = "code_challenge_method"
	paramCodeVerifier        = "code_verifier"
	paramClaims              = "claims"
	paramIDTokenHint         = "id_token_hint"
	paramResource            = "resource"
	paramDPoPKey             = "dpop_jkt"
	// keptSubject holds, in a stored request, the subject that its hints name.
	keptSubject = "_subject"
	// keptChoice holds the account that the person chose, among those that their browser remembers.
	keptChoice = "_account"

	scopeOpenID        = "openid"
	scopeOfflineAccess = "offline_access"
	responseTypeCode   = "code"
	methodS256         = "S256"
	tokenTypeBearer    = "Bearer"
	tokenTypeDPoP      = "DPoP"
)

// authorizeParams are the parameters that are understood, and the bytes that
// each may have. Others are ignored (OpenID Connect Core section 3.1.2.1).
var authorizeParams = map[string]int{
	paramClientID: 100, paramRedirectURI: 2048, paramResponseType: 100, paramResponseMode: 100,
	paramScope: 2048, paramState: 4096, paramNonce: 1024, paramPrompt: 100, paramMaxAge: 20,
	paramLoginHint: 256, paramCodeChallenge: 128, paramCodeChallengeMethod: 20, paramClaims: 4096, paramIDTokenHint: 8192, paramDPoPKey: 43, paramResource: 2048,
}

// stored returns the parameters worth keeping with a login.
func stored(form url.Values) url.Values {
	keep := url.Values{}
	for name := range authorizeParams {
		if value := form.Get(name); value != "" && name != paramIDTokenHint {
			keep[name] = form[name][:1]
		}
	}
	if resources := resourcesOf(form); len(resources) > 0 {
		keep[paramResource] = resources
	}
	return keep
}

// checkAuthorize checks what remains once the client and its redirect URI are
// known to belong together; its errors are for the client.
func (p *Provider) checkAuthorize(c *idp.Client, form url.Values) *Error {
	if err := checkSyntax(form); err != nil {
		return err
	}
	switch {
	case form.Get(paramRequest) != "":
		return bad(requestNotSupported, "Request objects are not supported; send the parameters themselves.")
	case form.Get(paramRequestURI) != "":
		return bad(requestURINotSupported, "A request_uri other than that of a pushed request is not supported.")
	case form.Get("registration") != "":
		return bad(registrationUnsupported, "The parameter registration is not supported.")
	}
	switch form.Get(paramResponseType) {
	case responseTypeCode:
	case "":
		return bad(invalidRequest, "The parameter response_type is missing; it must be code.")
	default:
		return bad(unsupportedResponseType, "The only supported response_type is code.").expecting(responseTypeCode, form.Get(paramResponseType))
	}
	switch mode := form.Get(paramResponseMode); {
	case mode != "" && !slices.Contains(responseModes, mode):
		return bad(invalidRequest, "The supported values of response_mode are query and form_post.").expecting(strings.Join(responseModes, " or "), mode)
	case mode == modeFormPost && !canPost(cmp.Or(form.Get(paramRedirectURI), c.RedirectURIs[0])):
		return bad(invalidRequest, "The response_mode form_post needs a redirect_uri that is a web address.")
	}
	if !slices.Contains(c.GrantTypes, idp.GrantAuthorizationCode) {
		return bad(unauthorizedClient, "This client may not use the authorization code grant.").
			expecting("grant_types: "+strings.Join(c.GrantTypes, " "), idp.GrantAuthorizationCode)
	}
	if err := checkChallenge(c, form); err != nil {
		return err
	}
	if key := form.Get(paramDPoPKey); key != "" && !wellFormedThumbprint(key) {
		return bad(invalidRequest, "The parameter dpop_jkt is not the base64url of a SHA-256 thumbprint.")
	}
	if err := p.checkResources(c, resourcesOf(form)); err != nil {
		return err
	}
	return checkPrompt(form)
}

// checkSyntax refuses what no well-formed request contains, before anything
// interprets it.
func checkSyntax(form url.Values) *Error {
	for name, values := range form {
		cap, known := authorizeParams[name]
		if len(values) > 1 && name != paramResource { // RFC 8707 allows that one to repeat
			if !known {
				return bad(invalidRequest, "A parameter is given more than once.")
			}
			return bad(invalidRequest, "The parameter "+name+" is given more than once.")
		}
		if !known {
			continue
		}
		value := form.Get(name)
		if len(value) > cap {
			return bad(invalidRequest, "The parameter "+name+" is longer than "+strconv.Itoa(cap)+" bytes.")
		}
		if !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return bad(invalidRequest, "The parameter "+name+" contains control characters or is not UTF-8.")
		}
	}
	return nil
}

// checkChallenge enforces PKCE (RFC 7636) with S256, for all but the clients
// that are registered not to know it.
func checkChallenge(c *idp.Client, form url.Values) *Error {
	challenge, method := form.Get(paramCodeChallenge), form.Get(paramCodeChallengeMethod)
	switch {
	case challenge == "" && method == "" && !c.MustUsePKCE():
		return nil
	case challenge == "":
		return bad(invalidRequest, "This client must use PKCE: the parameter code_challenge is missing.").
			because(Explanation{Expected: "code_challenge with code_challenge_method=S256, or require_pkce: false for software that has no PKCE"})
	case method != methodS256:
		return bad(invalidRequest, "The parameter code_challenge_method must be S256.").expecting(methodS256, method)
	case len(challenge) != 43 || strings.ContainsFunc(challenge, notBase64URL):
		return bad(invalidRequest, "The parameter code_challenge is not the base64url of a SHA-256.")
	}
	return nil
}

func notBase64URL(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
}
