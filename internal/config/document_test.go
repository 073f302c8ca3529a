package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"near-idp/internal/idp"
)

const keySet = `{"keys":[{"alg":"ES256","crv":"P-256","kid":"1","kty":"EC","x":"YNbNSe9363ktyqky2fQxWD1iJVzmt7Fk35WQSWYlYc0","y":"nxA0dJuxqo_Zo4jL9DbVeihFv7ouydlE4dTxAShp4Kk"}]}`

// everything sets each field of a client.
func everything() idp.Client {
	no := false
	sum := sha256.Sum256([]byte("secret"))
	day := time.Date(2026, 11, 22, 12, 30, 0, 123456000, time.FixedZone("", 3600))
	return idp.Client{
		ID: "app", Name: "Šifra 🔑 \"${HOME}\" $$ # : - ~", ClientURI: "https://app.example.com",
		LogoURI: "data:image/png;base64,+/AA==", PolicyURI: "https://app.example.com/privacy#a", TosURI: "https://app.example.com/terms", BrandColor: "#012345", Preset: "grafana",
		RedirectURIs: []string{"https://app.example.com/cb?a=b&c=%20", "http://localhost/cb"}, PostLogoutRedirectURIs: []string{"https://app.example.com/"},
		BackchannelLogoutURI: "https://app.example.com/bcl", BackchannelLogoutSessionRequired: true,
		TokenEndpointAuthMethod: idp.AuthSecretPost, TokenEndpointAuthSigningAlg: idp.ES256, JWKS: keySet, JWKSURI: "https://app.example.com/jwks",
		RequirePushedAuthorizationRequests: true, GrantTypes: []string{idp.GrantAuthorizationCode, idp.GrantDeviceCode}, ResponseTypes: []string{"code"},
		Scope: "openid profile", IDTokenSignedResponseAlg: idp.EdDSA, RequirePKCE: &no, DeviceMatchNumber: true, DPoPBoundAccessTokens: true,
		Profile: "fapi2", FirstParty: true, ClaimPolicy: "null", AccessPolicy: "0123", Disabled: true,
		Lifetimes: idp.Lifetimes{Code: idp.Duration(time.Second), AccessToken: idp.Duration(90 * time.Second), IDToken: idp.Duration(time.Hour),
			RefreshIdle: idp.Duration(36 * time.Hour), RefreshAbsolute: idp.Duration(30 * 24 * time.Hour), RefreshGrace: idp.Duration(time.Second)},
		ManagedBy: "api", Source: "/etc/x", CreatedAt: day, UpdatedAt: day, LastUsedAt: day, Logo: idp.ClientLogo{Hash: "ab"},
		Secrets: []idp.ClientSecret{{ID: "S1", Prefix: "ncs_abcd", Hash: sum[:], CreatedAt: day, ExpiresAt: day.Add(time.Hour)}, {ID: "S2", Hash: sum[:], CreatedAt: day}},
	}
}

// A new field of a client is in documents, or this test says why not.
func TestEverythingSetsEveryField(t *testing.T) {
	t.Parallel()
	for _, v := range []reflect.Value{reflect.ValueOf(everything()), reflect.ValueOf(everything().Lifetimes)} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s is not set", v.Type().Field(i).Name)
			}
		}
	}
}

// What is written is read back as it was, in both formats, and writes the same bytes again.
func TestDocumentsComeBackByteForByte(t *testing.T) {
	t.Parallel()
	bare, machine := idp.Client{ID: "~", RedirectURIs: []string{"https://b.example/"}}, idp.Client{ID: "1e3", GrantTypes: []string{idp.GrantClientCredentials}}
	for _, hashes := range []bool{false, true} {
		for _, asJSON := range []bool{false, true} {
			var list []Registration
			for _, c := range []idp.Client{everything(), bare, machine} {
				list = append(list, Register(c, hashes))
			}
			var first, second bytes.Buffer
			if err := WriteClients(&first, list, asJSON); err != nil {
				t.Fatal(err)
			}
			if asJSON != json.Valid(first.Bytes()) {
				t.Errorf("JSON: %v\n%s", asJSON, &first)
			}
			got, err := ParseClients("clients.yaml", first.Bytes(), nil)
			if err != nil {
				t.Fatalf("%v\n%s", err, &first)
			}
			want := everything()
			want.ManagedBy, want.Source, want.Logo, want.Secrets, want.CreatedAt, want.UpdatedAt, want.LastUsedAt = "", "", idp.ClientLogo{}, nil, time.Time{}, time.Time{}, time.Time{}
			if !reflect.DeepEqual(got[0].Client.Client, want) {
				t.Errorf("got\n%+v\nwant\n%+v\n%s", got[0].Client.Client, want, &first)
			}
			if stored := got[0].Hashes(); hashes != (stored != nil) || hashes && (len(stored) != 2 || !stored[0].ExpiresAt.Equal(everything().Secrets[0].ExpiresAt)) {
				t.Errorf("hashes: %+v", stored)
			}
			if stored := got[1].Hashes(); hashes != (stored != nil) {
				t.Errorf("no secrets: %+v", stored)
			}
			if err := WriteClients(&second, got, asJSON); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
				t.Errorf("%v: the second is\n%s\nthe first was\n%s", err, &second, &first)
			}
			if !hashes && strings.Contains(first.String(), "secret") != strings.Contains(first.String(), "client_secret") {
				t.Errorf("secrets in\n%s", &first)
			}
		}
	}
}

func TestDocumentsAreReadStrictly(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`[`, 200) + strings.Repeat(`]`, 200)
	for text, want := range map[string]string{
		"":                                                   "f.yaml: is empty",
		"# nothing":                                          "f.yaml: is empty",
		"hello":                                              "f.yaml:1: must be a group of keys (client_id",
		"- client_id: a\n  redirectUris: x":                  `f.yaml:2: [0].redirectUris: unknown key; did you mean "redirect_uris"?`,
		"client_id: a\nredirect_uris: x":                     "f.yaml:2: redirect_uris: must be a list",
		"- client_id: a\n- redirect_uris: []":                "f.yaml:2: [1].client_id: required",
		"client_id: a\nclient_id: b":                         "f.yaml:2: client_id: this key is already on line 1",
		"client_id: a\nfirst_party: yes":                     `f.yaml:2: first_party: "yes" is neither true nor false`,
		"client_id: a\nlifetimes: {code: soon}":              `f.yaml:2: lifetimes.code: "soon" is not a duration`,
		"client_id: &a a\nclient_name: *a":                   "f.yaml:2: client_name: aliases are not supported",
		"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]":             "unknown key",
		"client_id: a\njwks: {keys: [&a {}, *a]}":            "jwks: line 2 has an alias",
		"client_id: a\njwks: {keys: [], keys: []}":           `jwks: has the key "keys" twice`,
		"client_id: a\n---\nclient_id: b":                    "f.yaml:2: a second YAML document",
		"client_id: [":                                       "f.yaml:",
		"client_id: \xff":                                    "f.yaml: is not UTF-8",
		"client_id: \"a\\nb\"":                               "control character",
		"client_id: a\nsecrets: [{hash: xyz}]":               "f.yaml:2: secrets[0].hash: is not hexadecimal",
		"client_id: a\nsecret: file:/etc/shadow":             "f.yaml:2: secret: a secret cannot be read from a file",
		"client_id: a\nsecret: ${HOME}":                      "f.yaml:2: secret: a secret cannot be read from a file or a variable",
		"[\n{\"client_id\": 7}]":                             "f.yaml:2: [0].client_id: must be a string",
		"{\"client_id\": \"a\",\n\"first_party\": \"true\"}": "f.yaml:2: first_party: must be a boolean",
		"{\"client_id\": \"a\",\n\"client_id\": \"b\"}":      "f.yaml:2: client_id: this key is already on line 1",
		"{\"client_id\": \"a\", \"x\": " + deep + "}":        "nests more than 100 levels",
		"{\"client_id\": \"a\",\n\"jwks\": " + deep + "}":    "f.yaml:2: nests more than 100 levels",
		"managed_by: config\nclient_id: a":                   "f.yaml:1: managed_by: unknown key",
	} {
		if list, err := ParseClients("f.yaml", []byte(text), nil); err == nil || !strings.Contains(err.Error(), want) || len(list) > 0 {
			t.Errorf("%.100q\ngot  %v\nwant %s", text, err, want)
		}
	}
	if _, err := ParseClients("f.json", []byte("[\n{,}]"), nil); err == nil || !strings.Contains(err.Error(), "f.json:2: not valid JSON") {
		t.Error(err)
	}
	if _, err := ParseClients("-", bytes.Repeat([]byte("#"), MaxDocument+1), nil); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
	if list, err := ParseClients("-", []byte("[]"), nil); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
}

// JSON as other programs write it is not quite YAML.
func TestJSONOfOtherProgramsIsRead(t *testing.T) {
	t.Parallel()
	list, err := ParseClients("-", []byte("[\n\t{\"client_id\":\"a\",\"client_name\":\"\\ud83d\\udd11 \\/\",\"scope\":null,\"redirect_uris\":[\"https:\\/\\/a.example\\/\"],\"jwks\":{\"keys\":[{\"n\":1,\"use\":\"sig\",\"ok\":true}]}}\n]"), nil)
	if err != nil || list[0].Name != "🔑 /" || list[0].RedirectURIs[0] != "https://a.example/" || list[0].JWKS != `{"keys":[{"n":1,"ok":true,"use":"sig"}]}` || list[0].Where != "-:2: [0]" {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestSecretsOfDocumentsCanBeInFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := ParseClients(filepath.Join(dir, "f.yaml"), []byte("- {client_id: a, secret: file:secret, client_name: file:secret}\n- {client_id: b, secret: \"${IDP_ENCRYPTION_KEY}\", client_name: \"${HOME}\"}"), testEnv)
	if err != nil || list[0].Secret != "hunter2" || list[0].Name != "file:secret" || string(list[1].Secret) != "encryption-key-of-32-characters-" || list[1].Name != "${HOME}" {
		t.Errorf("%+v, %v", list, err)
	}
}

// A file of nothing but mistakes costs no more than one with a few.
func TestMistakesWithoutEndAreCutShort(t *testing.T) {
	t.Parallel()
	var keys strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&keys, `,"k%d":1`, i)
	}
	for name, text := range map[string]string{
		"clients": "[" + strings.Repeat(`{"client_id": 1},`, 200_000) + "{}]",
		"keys":    `{"client_id": "a"` + keys.String() + "}",
		"twice":   strings.Repeat("client_id: a\n", 200_000),
	} {
		start := time.Now()
		_, err := ParseClients("f", []byte(text), nil)
		if err == nil || strings.Count(err.Error(), "\n") != maxProblems || !strings.Contains(err.Error(), "correct these 200 first") {
			t.Errorf("%s: %.300v", name, err)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
}
