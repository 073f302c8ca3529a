package config

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/idp"

	"go.yaml.in/yaml/v3"
)

const exampleFile = "../../config.example.yaml"

// testEnv has what the example asks for.
func testEnv(name string) (string, bool) {
	value, ok := map[string]string{
		"HOME":                    "/home/op",
		"IDP_DATABASE_URL":        "postgres://idp:db-password@db/idp",
		"IDP_ENCRYPTION_KEY":      "encryption-key-of-32-characters-",
		"COLLECTOR_AUTHORIZATION": "Bearer key-of-the-collector-of-32-characters",
		"GRAFANA_CLIENT_SECRET":   "grafana-secret-of-at-least-32-characters",
	}[name]
	return value, ok
}

func TestExampleExplainsEveryKey(t *testing.T) {
	data, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	root, err := document(data)
	if err != nil {
		t.Fatal(err)
	}
	explained, known := map[string]bool{}, paths("", reflect.TypeFor[Config]())
	var walk func(path string, n *yaml.Node, above string)
	walk = func(path string, n *yaml.Node, above string) {
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				comment := n.Content[i].HeadComment
				if i == 0 {
					comment += above + n.HeadComment // the first key of a list's element
				}
				at := join(path, n.Content[i].Value)
				if named := join(path, "*"); slices.Contains(known, named) {
					at = named
				}
				explained[at] = strings.TrimSpace(comment) != ""
				walk(at, n.Content[i+1], "")
			}
		case yaml.SequenceNode:
			for _, element := range n.Content {
				walk(path+"[]", element, element.HeadComment+n.HeadComment)
			}
		}
	}
	walk("", root, root.HeadComment)
	for _, path := range known {
		if comment, present := explained[path]; !present {
			t.Errorf("config.example.yaml lacks %s", path)
		} else if !comment {
			t.Errorf("config.example.yaml does not explain %s", path)
		}
	}
}

func TestExampleLoads(t *testing.T) {
	c, err := Load(exampleFile, testEnv)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("warnings: %q", c.Warnings)
	}
}

// The comments of the example say that its values are the defaults, unless
// they say otherwise.
func TestExampleShowsTheDefaults(t *testing.T) {
	example, err := Load(exampleFile, testEnv)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Parse("", []byte("issuer: https://id.example.com\nnear: {network: mainnet}\nencryption: {keys: ['"+strings.Repeat("k", 32)+"']}"), testEnv)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Config{example, plain} {
		c.Listen.TLS, c.Admin.Accounts, c.ClaimPolicies, c.AccessPolicies, c.Groups = TLS{}, nil, nil, nil, nil
		c.Proxy, c.Outbound, c.Database.URL, c.Database.DataDir, c.Encryption, c.Clients, c.Resources, c.Wallets, c.Branding, c.places = Proxy{}, Outbound{}, "", "", Encryption{}, nil, nil, nil, Branding{}, nil
		c.Tracing.Endpoint, c.Tracing.Headers = "", nil
	}
	if !reflect.DeepEqual(example, plain) {
		t.Errorf("the example has\n%+v\nthe defaults are\n%+v", example, plain)
	}
	if example.Lifetimes.Default != idp.DefaultLifetimes {
		t.Errorf("lifetimes: %+v", example.Lifetimes.Default)
	}
}
