package config

import (
	"strings"
	"testing"

	"near-idp/internal/idp"
)

// Each line must be refused with a message that names the key and says this.
func TestBadValues(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("s", 32)
	for text, want := range map[string]string{
		"issuer: id.example.com":                     `issuer: "id.example.com" is not an address of the web`,
		"issuer: ftp://id.example.com":               "issuer: ",
		"issuer: 'https://'":                         "issuer: ",
		"issuer: http://id.example.com":              "is not https",
		"issuer: http://127.0.0.1.example.com":       "is not https",
		"issuer: http://localhost.example.com":       "is not https",
		"issuer: https://id.example.com/":            `write "https://id.example.com"`,
		"issuer: https://id.example.com/a/":          `write "https://id.example.com/a"`,
		"issuer: https://id.example.com/a//b":        "path",
		"issuer: https://id.example.com/../b":        "path",
		"issuer: https://id.example.com/a%20b":       "path",
		"issuer: https://id.example.com?a=b":         "query or a fragment",
		"issuer: https://id.example.com?":            "query or a fragment",
		"issuer: 'https://id.example.com#'":          "query or a fragment",
		"issuer: https://user@id.example.com":        "user name",
		"issuer: https://id.example.com:443":         "remove :443",
		"issuer: 'https://id.example.com:'":          "colon without a port",
		"issuer: https://ID.example.com":             "write id.example.com",
		"issuer: HTTPS://id.example.com":             `write "https://id.example.com"`,
		"issuer: https://ıd.example.com":             "xn--",
		"issuer: https://id_a.example.com":           "not a host name",
		"issuer: https://id.example.com.":            "not a host name",
		"issuer: https://id.example.com:99999999999": "issuer: ",
		"issuer: https://intents.near":               "near.recipient: \"intents.near\" moves funds",
		"issuer: https://login.testnet":              "serve the provider on another host",

		"listen: {public: '8080'}":                                     "listen.public: \"8080\" is not an address",
		"listen: {public: ':65536'}":                                   "listen.public",
		"listen: {public: ':http'}":                                    "listen.public",
		"listen: {public: 'http://:8080'}":                             "listen.public",
		"listen: {max_connections: 10}":                                "listen.max_connections: 10 is not between 100 and 1000000",
		"listen: {max_connections_per_sender: 20000}":                  "listen.max_connections_per_sender: 20000 is not between 10 and listen.max_connections, 10000",
		"rate_limits: {client_backoff: 2h}":                            "rate_limits.client_backoff: 2h is not between 1s and 1h",
		"rate_limits: {client_token: 0/m}":                             "rate_limits.client_token",
		"listen: {drain: 6m}":                                          "listen.drain: 6m is not between 0s and 5m",
		"listen: {tls: {cert: /a.pem}}":                                "listen.tls.key: required",
		"listen: {tls: {key: /a.pem}}":                                 "listen.tls.cert: required",
		"issuer: http://localhost\nlisten: {tls: {cert: /a, key: /b}}": "nobody would come by TLS",
		"proxy: {trusted: [10.0.0.1]}":                                 "is not a network",
		"proxy: {trusted: ['']}":                                       "is not a network",
		"proxy: {trusted: [10.0.0.1/8]}":                               "write 10.0.0.0/8",
		"proxy: {trusted: [0.0.0.0/0]}":                                "trusts everybody",
		"proxy: {trusted: ['::/0']}":                                   "trusts everybody",
		"outbound: {allow_private: [10.0.0.1]}":                        "is not a network",
		"outbound: {allow_private: [10.0.0.1/8]}":                      "write 10.0.0.0/8",
		"outbound: {allow_private: ['::/0']}":                          "allows every address",
		"database: {max_conns: 1}":                                     "not between 2 and 1000",
		"database: {max_conns: 99999999999}":                           "not a whole number",
		"encryption: {keys: ['0123456789abcdef0123456789abcdef']}":     "the key has 16 characters",
		"encryption: {keys: []}":                                       "encryption.keys: required",
		"encryption: {keys: ['" + secret + "', '" + secret + "']}":     "encryption.keys[1]: the same key",

		"near: {network: betanet}": "write one of mainnet, testnet",
		"near: {}":                 "near.network: required",
		"near: {network: mainnet, rpc: [http://rpc.example.com/key]}":                       "http://rpc.example.com is not https",
		"near: {network: mainnet, rpc: [rpc.example.com]}":                                  "not a URL",
		"near: {network: mainnet, rpc: ['https://rpc.example.com#a']}":                      "fragment",
		"near: {network: mainnet, recipient: intents.near}":                                 "moves funds",
		"near: {network: mainnet, recipient: staging-intents.near}":                         "moves funds",
		"near: {network: mainnet, recipient: alice.near}":                                   "name of a NEAR account",
		"near: {network: mainnet, recipient: near}":                                         "name of a NEAR account",
		"near: {network: mainnet, recipient: alice.testnet}":                                "name of a NEAR account",
		"near: {network: mainnet, recipient: '0x0123456789abcdef0123456789abcdef01234567'}": "name of a NEAR account",
		"near: {network: mainnet, recipient: 'id.example.com:8080'}":                        "not a bare host",
		"near: {network: mainnet, recipient: 'https://id.example.com'}":                     "not a bare host",
		"near: {network: mainnet, recipient: ID.example.com}":                               "capital letters",
		"near: {network: mainnet, recipient: ıd.example.com}":                               "xn--",
		"near: {network: mainnet, recipient: 'a b'}":                                        "not a host name",
		"near: {network: mainnet, recipient: " + strings.Repeat("a.", 33) + "com}":          "longer than 64 bytes",
		"near: {network: mainnet, nonce_ttl: 6m}":                                           "near.nonce_ttl: 6m is not between 30s and 5m",
		"near: {network: mainnet, recheck_grace: 31d}":                                      "near.recheck_grace: 31d is not between 0s and 30d",
		"near: {network: mainnet, nonce_ttl: 0s}":                                           "not between",
		"near: {network: mainnet, nonce_ttl: 5}":                                            "is not a duration",
		"near: {network: mainnet, nonce_ttl: -5m}":                                          "is not a duration",

		"signing: {default_alg: HS256}":                             "HS256\" is not known",
		"signing: {default_alg: none}":                              "signing.default_alg",
		"signing: {default_alg: EdDSA, algs: [RS256]}":              "not in signing.algs (RS256)",
		"signing: {algs: [ES256]}":                                  "RS256 is missing",
		"signing: {algs: [RS256, RS256]}":                           "listed twice",
		"signing: {algs: [RS256, PS384]}":                           "signing.algs[1]",
		"signing: {default_alg: PS256}":                             "not in signing.algs",
		"signing: {rotate_every: 23h}":                              "signing.rotate_every: 23h is not between 1d and 366d",
		"signing: {rotate_every: 1d}":                               "signing.publish_before: 1d is not less than signing.rotate_every, 1d",
		"signing: {publish_before: 1m}":                             "signing.publish_before: 1m is not between 10m and 366d",
		"signing: {keep_after: 1d}":                                 "signing.keep_after: 1d is not between 25h and 366d",
		"session: {absolute: 91d}":                                  "session.absolute",
		"session: {sliding: 8h}":                                    "session.sliding: unknown key",
		"lifetimes: {default: {code: 11m}}":                         "lifetimes.default.code: 11m is not between 1s and 10m",
		"lifetimes: {default: {access_token: 2d}}":                  "lifetimes.default.access_token",
		"lifetimes: {default: {access_token: 2h}}":                  "must not expire before its access token",
		"lifetimes: {default: {refresh_idle: 91d}}":                 "more than refresh_absolute",
		"lifetimes: {default: {refresh_grace: 2m}}":                 "refresh_grace",
		"resources: [{scopes: [a]}]":                                "resources[0].uri: required",
		"resources: [{uri: /api, scopes: [a]}]":                     "not an absolute URI",
		"resources: [{uri: 'https://a.example#x', scopes: [a]}]":    "without a fragment",
		"resources: [{uri: 'https://id.example.com', scopes: [a]}]": "is the issuer",
		"resources: [{uri: 'https://a.example', scopes: [a]}, {uri: 'https://a.example', scopes: [b]}]": "also the uri of resources[0]",
		"resources: [{uri: 'https://a.example'}]":                                                       "resources[0].scopes: required",
		"resources: [{uri: 'https://a.example', scopes: ['a b']}]":                                      "resources[0].scopes[0]",
		"resources: [{uri: 'https://a.example', scopes: [openid]}]":                                     "a scope of the provider itself",
		"resources: [{uri: 'https://a.example', scopes: [a], access_token: 2d}]":                        "resources[0].access_token",
		"telemetry: {log: {level: trace}}":                                                              "telemetry.log.level",
		"telemetry: {log: {format: jsn}}":                                                               `did you mean "json"?`,
		"branding: {name: '" + strings.Repeat("n", 61) + "'}":                                           "more than 60 characters",
		"branding: {name: \"A\u202eB\"}":                                                                "invisible character",
		"branding: {color: red}":                                                                        "branding.color: \"red\" is no colour",
		"branding: {privacy_url: 'mailto:a@b.example'}":                                                 "branding.privacy_url: ",
		"branding: {terms_url: 'javascript:alert(1)'}":                                                  "branding.terms_url: ",
		"branding: {support_url: 'http://a.example'}":                                                   "is not https",
		"branding: {support_url: 'https://u:p@a.example/'}":                                             "user name or password",
		"branding: {logo: ./missing.svg}":                                                               "branding.logo: cannot read the picture",
		"branding: {name: ' A'}":                                                                        "begins or ends with a space",

		"clients: [{client_name: A}]": "clients[0].client_id: required",
		"clients: [{client_id: a}]":   "clients[0].secret: \"a\" needs a secret",
		"clients: [{client_id: a, secret: '" + secret + "', token_endpoint_auth_method: none}]":                              "cannot keep a secret",
		"clients: [{client_id: a, token_endpoint_auth_method: none}, {client_id: a, token_endpoint_auth_method: none}]":      "clients[1].client_id: \"a\" is also the id of clients[0]",
		"signing: {algs: [RS256]}\nclients: [{client_id: a, secret: '" + secret + "', id_token_signed_response_alg: ES256}]": "id_token_signed_response_alg",
		"clients: [{client_id: a, managed_by: config}]":                                                                      "managed_by: unknown key",
	} {
		_, err := load(t, required(text))
		if err == nil {
			t.Errorf("%s: accepted", text)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %s\nwant %s", text, err, want)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error shows a secret", text)
		}
	}
}

func TestGoodValues(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"signing: {algs: [RS256, PS256], default_alg: PS256, rotate_every: 1d, publish_before: 10m, keep_after: 25h}",
		"issuer: https://id.example.com/tenant-1/idp",
		"issuer: https://id.example.com:8443",
		"issuer: https://xn--bcher-kva.example",
		"issuer: https://192.0.2.7",
		"issuer: http://localhost",
		"issuer: http://idp.localhost:8080",
		"issuer: http://127.0.0.1:8080",
		"issuer: http://[::1]:8080",
		"listen: {public: '[::1]:0'}",
		"proxy: {trusted: [10.0.0.0/8, 192.0.2.7/32, 'fd00::/8']}",
		"near: {network: testnet, recipient: example.com, rpc: ['http://127.0.0.1:3030', 'https://u:p@rpc.example.com/k?k=v']}",
		"near: {network: mainnet, allow_unfunded_implicit: true}",
		"signing: {default_alg: EdDSA, algs: [RS256, EdDSA]}",
		"lifetimes: {default: {access_token: 2h, id_token: 2h}}",
		"clients:\n",
		"branding: {name: Bücher & Söhne}",
		"clients: [{client_id: spa, token_endpoint_auth_method: none, require_pkce: false, lifetimes: {refresh_idle: 2d}}]",
	} {
		mustLoad(t, required(text))
	}
	c := mustLoad(t, required("clients: [{client_id: spa, token_endpoint_auth_method: none, require_pkce: false, lifetimes: {refresh_idle: 2d}}]"))
	if where := c.Where("clients[0].lifetimes.refresh_idle"); !strings.HasSuffix(where, "config.yaml:1: clients[0].lifetimes.refresh_idle") {
		t.Error(where)
	}
	if client := c.Clients[0]; !client.Public() || client.RequirePKCE == nil || *client.RequirePKCE || client.Lifetimes.RefreshIdle.String() != "2d" {
		t.Errorf("%+v", client)
	}
}

func TestRecipientOtherThanTheIssuersHostIsWarnedOf(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, required("near: {network: mainnet, recipient: example.com}"))
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "near.recipient") {
		t.Errorf("%q", c.Warnings)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	candidates := []string{"issuer", "listen", "client create", "redirect_uris", "id"}
	for word, want := range map[string]string{
		"isseur": "issuer", "Issuer": "issuer", "lisen": "listen", "redirect-uri": "redirect_uris",
		"i": "id", "clientcreate": "client create", "zzz": "", "": "", strings.Repeat("x", 100): "",
	} {
		if got := idp.Nearest(word, candidates); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

// FuzzLoad: no file, however broken, may end the program in another way than by an error,
// and what is accepted can be printed.
func FuzzLoad(f *testing.F) {
	f.Add("issuer: https://id.example.com\nnear: {network: mainnet}\nencryption: {keys: ['" + strings.Repeat("k", 32) + "']}")
	f.Add("a: &a [*a]\n? {}\n: !!str b\n---\n")
	f.Add("clients:\n  - client_id: ${X}\n    redirect_uris: [a, 'file:/etc/hostname']\n")
	f.Add("proxy: {trusted: [::/0, 1.2.3.4/8]}\nnear: {rpc: ['http://[::1%25a]:x/']}\nwallets: [meteor, {id: a, protocol: sign-message, url: '//'}, ~]")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("config.yaml", []byte(text), testEnv)
		if err == nil {
			if err := c.Print(new(strings.Builder)); err != nil {
				t.Fatal(err)
			}
			if err := c.Validate(); err != nil {
				t.Fatalf("valid once and not twice: %v", err)
			}
		}
	})
}
