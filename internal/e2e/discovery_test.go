package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/pgtest"
)

// A document is the provider's metadata, and a walk over what it advertises.
type document struct {
	*browser
	members map[string]any
}

func (p *process) document(path string) document {
	p.Helper()
	b := p.browser()
	r := b.send("GET", path, "")
	if r.status != http.StatusOK || r.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(r.header.Get("Cache-Control"), "max-age") {
		p.Fatalf("%s: %d %v", path, r.status, r.header)
	}
	return document{b, r.json()}
}

func (d document) list(name string) (values []string) {
	for _, value := range d.members[name].([]any) {
		values = append(values, value.(string))
	}
	return values
}

// asked is where an authorization request with a change leads: the code of its error, or "".
func (d document) asked(change ...string) string {
	d.Helper()
	form := newRequest("rs256", "openid").form()
	for i := 0; i < len(change); i += 2 {
		form.Set(change[i], change[i+1])
	}
	r := d.process.browser().send("GET", d.members["authorization_endpoint"].(string)+"?"+form.Encode(), "")
	to, err := url.Parse(r.header.Get("Location"))
	if err != nil {
		d.Fatal(err)
	}
	if r.status == http.StatusOK { // form_post, or a page
		_, after, _ := strings.Cut(r.body, `name="error" value="`)
		code, _, _ := strings.Cut(after, `"`)
		return code
	}
	return to.Query().Get("error")
}

// claims are those of the ID token of a sign-in.
func (d document) claims(clientID, scope string) (header, claims map[string]any) {
	d.Helper()
	q := newRequest(clientID, scope)
	b := d.process.browser()
	r := b.postForm("/token", q.redeem(b.visit("/authorize?"+q.form().Encode()).Query().Get("code")))
	parts := strings.Split(r.text("id_token"), ".")
	if len(parts) != 3 {
		d.Fatalf("token: %d %s", r.status, r.body)
	}
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			d.Fatal(err)
		}
	}
	return header, claims
}

// reachable tries an endpoint with each method that it may take.
func (d document) reachable(name string) {
	d.Helper()
	to := d.members[name].(string)
	if !strings.HasPrefix(to, d.issuer+"/") {
		d.Errorf("%s is %s, outside the issuer", name, to)
	}
	for _, method := range []string{"GET", "POST"} {
		r := d.send(method, to, "", "Content-Type", typeForm)
		if r.status < 500 && r.status != http.StatusNotFound && r.status != http.StatusMethodNotAllowed {
			return
		}
	}
	d.Errorf("%s: nothing at %s", name, to)
}

// offers tries what a list names, and what it does not.
func (d document) offers(name string, known []string, works func(value string) bool) {
	d.Helper()
	offered := d.list(name)
	if sorted := slices.Sorted(slices.Values(offered)); len(slices.Compact(sorted)) < len(offered) {
		d.Errorf("%s names one twice: %q", name, offered)
	}
	for _, value := range slices.Concat(offered, known) {
		if got, want := works(value), slices.Contains(offered, value); got != want {
			d.Errorf("%s: %q works: %v, advertised: %v", name, value, got, want)
		}
	}
}

// asymmetric holds a list of algorithms to those whose keys nobody shares.
func (d document) asymmetric(name string) {
	d.Helper()
	for _, alg := range d.list(name) {
		if !slices.Contains([]string{"RS256", "PS256", "ES256", "EdDSA", "Ed25519"}, alg) {
			d.Errorf("%s: %s", name, alg)
		}
	}
}

func (d document) tokenError(grant, clientID string, more ...string) string {
	d.Helper()
	form := url.Values{"grant_type": {grant}, "client_id": {clientID}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return d.postForm(d.members["token_endpoint"].(string), form).text("error")
}

// authenticates tries a method at an endpoint: whether a client is recognised by it.
func (d document) authenticates(endpoint string) func(method string) bool {
	return func(method string) bool {
		form, header := url.Values{"token": {"x"}, "grant_type": {"refresh_token"}, "refresh_token": {"x"}}, []string{}
		switch method {
		case "client_secret_basic":
			header = []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("rs256:"+clientSecret))}
		case "client_secret_post":
			form.Set("client_id", "rs256")
			form.Set("client_secret", clientSecret)
		case "none":
			form.Set("client_id", "spa")
		default:
			// The signature is the matter of other tests: here a client may be registered for it, or not.
			return d.command(d.Context(), "config", "validate", "--config", d.configureWith(method)).Run() == nil
		}
		return d.postForm(d.members[endpoint].(string), form, header...).status != http.StatusUnauthorized
	}
}

// walk tries every member of a document. One that nothing here tries fails.
func (d document) walk() {
	d.Helper()
	header, claims := d.claims("rs256", "openid profile offline_access")
	_, most := d.claims("most", "openid profile email groups")
	_, second := d.claims("es256", "openid")
	callback := d.process.browser().visit("/authorize?" + newRequest("rs256", "openid").form().Encode()).Query()
	truth := func(works bool) func(string) {
		return func(name string) {
			if d.members[name] != works {
				d.Errorf("%s is %v, and it works: %v", name, d.members[name], works)
			}
		}
	}
	checks := map[string]func(name string){
		"issuer": func(name string) {
			if d.members[name] != d.issuer || claims["iss"] != d.issuer {
				d.Errorf("issuer %v, in tokens %v, configured %s", d.members[name], claims["iss"], d.issuer)
			}
		},
		"scopes_supported": func(name string) {
			r := d.process.signIn("most", strings.Join(d.list(name), " ")+" address phone")
			granted := strings.Fields(r["scope"].(string))
			d.offers(name, []string{"address", "phone"}, func(scope string) bool { return slices.Contains(granted, scope) })
		},
		"response_types_supported": func(name string) {
			d.offers(name, []string{"token", "id_token", "code id_token", "code token", "code id_token token", "none"}, func(value string) bool {
				return d.asked("response_type", value) == ""
			})
		},
		"response_modes_supported": func(name string) {
			d.offers(name, []string{"fragment", "jwt", "query.jwt", "form_post.jwt", "web_message"}, func(value string) bool {
				return d.asked("response_mode", value) == ""
			})
		},
		"grant_types_supported": func(name string) {
			d.offers(name, []string{"password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:openid:params:grant-type:ciba",
				"urn:ietf:params:oauth:grant-type:token-exchange"}, func(value string) bool {
				return d.tokenError(value, "rs256", "client_secret", clientSecret) != "unsupported_grant_type"
			})
		},
		"subject_types_supported": func(name string) {
			d.offers(name, []string{"pairwise"}, func(value string) bool { return (value == "public") == (claims["sub"] == second["sub"]) })
		},
		"id_token_signing_alg_values_supported": func(name string) {
			d.asymmetric(name)
			for _, alg := range d.list(name) {
				if alg == "RS256" && header["alg"] == alg {
					continue
				}
				if got, _ := d.claims(strings.ToLower(alg), "openid"); got["alg"] != alg {
					d.Errorf("%s: an ID token is signed by %v", alg, got["alg"])
				}
			}
			for _, alg := range []string{"none", "HS256", "RS512"} {
				if err := d.command(d.Context(), "client", "create", "x", "--redirect-uri", redirectURI, "--alg", alg, "--config", d.process.config).Run(); err == nil {
					d.Errorf("a client is registered for %s", alg)
				}
			}
		},
		"code_challenge_methods_supported": func(name string) {
			d.offers(name, []string{"plain", "S512"}, func(value string) bool { return d.asked("code_challenge_method", value) == "" })
		},
		"claims_supported": func(name string) {
			d.offers(name, []string{"phone_number", "birthdate"}, func(claim string) bool { _, there := most[claim]; return there })
		},
		"ui_locales_supported": func(name string) {
			d.offers(name, []string{"tlh", "../en"}, func(tag string) bool {
				b := d.process.browser()
				form := newRequest("rs256", "openid").form()
				form.Set("ui_locales", tag)
				login := b.send("GET", "/authorize?"+form.Encode(), "").header.Get("Location")
				return strings.Contains(b.send("GET", login, "").body, `<html lang="`+tag+`"`)
			})
		},
		"claim_types_supported": func(name string) {
			d.offers(name, []string{"aggregated", "distributed"}, func(value string) bool { _, there := claims["_claim_names"]; return !there && value == "normal" })
		},
		"authorization_response_iss_parameter_supported": truth(callback.Get("iss") == d.issuer),
		"claims_parameter_supported":                     truth(d.asked("claims", `{"id_token":{"name":null}}`) == ""),
		"request_parameter_supported":                    truth(d.asked("request", "e30.e30.") != "request_not_supported"),
		"request_uri_parameter_supported":                truth(d.asked("request_uri", "https://app.example.com/r") != "request_uri_not_supported"),
		"require_pushed_authorization_requests":          truth(d.asked() != ""),
		"backchannel_logout_supported":                   truth(claims["sid"] != nil), // delivery is the matter of logout_test.go
		"backchannel_logout_session_supported":           truth(claims["sid"] != nil),
	}
	methods := []string{"client_secret_jwt", "tls_client_auth", "self_signed_tls_client_auth"}
	for name := range d.members {
		check := checks[name]
		switch {
		case check != nil:
			check(name)
		case strings.HasSuffix(name, "_endpoint"), name == "jwks_uri":
			d.reachable(name)
		case strings.HasSuffix(name, "_endpoint_auth_methods_supported"):
			endpoint := strings.TrimSuffix(name, "_auth_methods_supported")
			d.offers(name, append(methods, "none"), d.authenticates(endpoint))
		case strings.HasSuffix(name, "_signing_alg_values_supported"):
			d.asymmetric(name)
		default:
			d.Errorf("%s is advertised as %v, and nothing here tries it", name, d.members[name])
		}
	}
}

// configureWith writes a configuration with a client of this authentication method.
func (d document) configureWith(method string) string {
	s := *d.process.site
	s.dir = d.TempDir()
	key := `jwks: '{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'`
	if method != "private_key_jwt" {
		key = `secret: "${CLIENT_SECRET}"`
	}
	s.more = `
  - {client_id: signs, redirect_uris: ["` + redirectURI + `"], token_endpoint_auth_method: ` + method + `, ` + key + `}
`
	return s.configure(s.port, "http://127.0.0.1:1")
}

const discoveryConfig = `
  - {client_id: most, secret: "${CLIENT_SECRET}", first_party: true, redirect_uris: ["` + redirectURI + `"], claim_policy: most}
  - {client_id: ps256, secret: "${CLIENT_SECRET}", first_party: true, redirect_uris: ["` + redirectURI + `"], id_token_signed_response_alg: PS256}
claim_policies: {most: {add: {email: "{account_id}@users.example.com", given_name: "{account_id}", family_name: NEAR, picture: "https://example.com/{account_id}.png"}}}
signing: {algs: [RS256, ES256, EdDSA, PS256]}
`

// D01, D02: every value of both documents works, and what they do not name does not.
func TestDiscoveryTellsTheTruth(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "/auth/v1"} {
		t.Run("issuer"+path, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, pgtest.DSN(t))
			s.more = discoveryConfig
			s.issuer += path
			p := s.serve()
			document := p.document("/.well-known/openid-configuration")
			root := strings.TrimSuffix(p.base, path)
			for _, same := range []string{
				p.base + "/.well-known/oauth-authorization-server",
				root + "/.well-known/oauth-authorization-server" + path, root + "/.well-known/openid-configuration" + path,
			} {
				if other := p.document(same); !reflect.DeepEqual(other.members, document.members) {
					t.Errorf("%s differs: %v", same, other.members)
				}
			}
			document.walk()
		})
	}
}

// D03: a forged Host leaves no trace, in the documents or in what is issued.
func TestIssuerIsNotTakenFromTheHostHeader(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks", "/", "/authorize?" + newRequest("rs256", "openid").form().Encode()} {
		request, err := http.NewRequest("GET", p.base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "evil.example"
		request.Header.Set("X-Forwarded-Host", "evil.example")
		request.Header.Set("X-Forwarded-Proto", "https")
		response, err := p.browser().http.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text := encode(t, response.Header)
		body := make([]byte, 64<<10)
		n, _ := response.Body.Read(body) // small documents
		response.Body.Close()
		if response.StatusCode >= 400 || strings.Contains(text+string(body[:n]), "evil") {
			t.Errorf("%s: %d %s %s", path, response.StatusCode, text, body[:n])
		}
	}
}
