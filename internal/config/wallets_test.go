package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// offered are the ids on the login page.
func offered(c *Config) string {
	var ids []string
	for _, w := range c.OfferedWallets() {
		ids = append(ids, w.ID)
	}
	return strings.Join(ids, " ")
}

func TestWalletsWithoutAListAreThoseOfTheNetwork(t *testing.T) {
	t.Parallel()
	for network, want := range map[string]string{
		Mainnet: "announced hot nightly okx sender meteor intear mynearwallet near-cli phone",
		Testnet: "announced nightly okx sender meteor intear mynearwallet near-cli phone",
	} {
		c := mustLoad(t, required("near: {network: "+network+"}"))
		if got := offered(c); got != want || len(c.Warnings) > 0 {
			t.Errorf("%s: %s %q", network, got, c.Warnings)
		}
	}
}

func TestWalletsAreShownInTheOrderOfTheFile(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, required("wallets: [mynearwallet, {id: meteor, url: 'http://localhost:1234'}, {id: acme, name: Acme, protocol: sign-message, url: 'https://wallet.acme.example', redirect: true}, {id: intear, networks: [mainnet]}]\nnear: {network: testnet}"))
	want := []Wallet{
		{ID: "mynearwallet", Name: "MyNearWallet", Protocol: SignMessage, URL: "https://testnet.mynearwallet.com"},
		{ID: "meteor", Name: "Meteor Wallet", Protocol: MeteorWeb, URL: "http://localhost:1234"},
		{ID: "acme", Name: "Acme", Protocol: SignMessage, URL: "https://wallet.acme.example", Redirect: true},
	}
	if got := c.OfferedWallets(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestAnEmptyListOffersNoWallet(t *testing.T) {
	t.Parallel()
	if got := offered(mustLoad(t, required("wallets: []"))); got != "" {
		t.Error(got)
	}
	if got := offered(mustLoad(t, required("wallets:\n"))); got == "" {
		t.Error("a key without a value is not an empty list")
	}
}

func TestAWalletOfAnotherNetworkIsWarnedOf(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, required("wallets: [hot, meteor]\nnear: {network: testnet}"))
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "wallets[0]: HOT Wallet is on mainnet only") || offered(c) != "meteor" {
		t.Errorf("%s %q", offered(c), c.Warnings)
	}
	c = mustLoad(t, required("wallets: [{id: hot, networks: [mainnet]}, meteor]\nnear: {network: testnet}"))
	if len(c.Warnings) != 0 || offered(c) != "meteor" {
		t.Errorf("%s %q", offered(c), c.Warnings)
	}
}

func TestBadWallets(t *testing.T) {
	t.Parallel()
	const acme = "id: acme, name: Acme, protocol: sign-message, url: 'https://wallet.acme.example'"
	for text, want := range map[string]string{
		"{meteor: {}}":             "wallets: must be a list",
		"[metor]":                  `wallets[0].id: "metor" is not a known wallet: did you mean "meteor"?`,
		"[zzzzzz]":                 "the known ones are announced, bitte, hot,",
		"[~]":                      "wallets[0]: this element is empty",
		"[{}]":                     "wallets[0].id: required",
		"[[meteor]]":               "wallets[0]: must be a group of keys (id, name,",
		"['']":                     "wallets[0].id: required",
		"[meteor, intear, meteor]": `wallets[2].id: "meteor" is also the id of wallets[0]`,
		"[{id: meteor, ur: x}]":    `wallets[0].ur: unknown key; did you mean "url"?`,
		"[{id: meteor, url: 'http://wallet.example'}]":                           "is not https",
		"[{id: meteor, url: 'https://wallet.example/x'}]":                        `write "https://wallet.example"`,
		"[{id: meteor, url: 'https://u:p@wallet.example'}]":                      `write "https://wallet.example"`,
		"[{id: meteor, url: 'javascript:alert(1)'}]":                             "wallets[0].url",
		"[{id: hot, url: 'https://x.example'}]":                                  "wallets[0].url: HOT Wallet has no address",
		"[{id: near-cli, name: Shell}]":                                          "has no button of its own",
		"[{id: meteor, protocol: sign-message}]":                                 "wallets[0].protocol: Meteor Wallet speaks a protocol of its own",
		"[{id: meteor, redirect: true}]":                                         "wallets[0].redirect: only wallets that speak sign-message",
		"[{id: hot, networks: [testnet]}]":                                       "wallets[0].networks[0]: HOT Wallet is on mainnet only",
		"[{id: meteor, networks: [tesnet]}]":                                     `did you mean "testnet"?`,
		"[{id: meteor, networks: []}]":                                           "wallets[0].networks: names no network",
		"[{id: meteor, name: \"Met\u202eeor\"}]":                                 "invisible character",
		"[{id: meteor, icon: metor}]":                                            `wallets[0].icon: "metor" is neither a file`,
		"[{id: meteor, icon: near-cli}]":                                         "is neither a file",
		"[{id: meteor, icon: ./missing.svg}]":                                    "wallets[0].icon: cannot read the picture: ",
		"[{id: meteor, icon: /}]":                                                "is not a regular file",
		"[{id: announced, icon: meteor}]":                                        "has no button of its own",
		"[{id: Acme, protocol: sign-message}]":                                   `"Acme" is not an id`,
		"[{id: 'a:b', protocol: sign-message}]":                                  "is not an id",
		"[{id: acme, protocol: extension}]":                                      `wallets[0].protocol: "extension" is not known: write one of sign-message, meteor, intear`,
		"[{id: acme, protocol: sign-message}]":                                   "wallets[0].name: required",
		"[{id: acme, name: A, protocol: meteor}]":                                "wallets[0].url: required",
		"[{" + acme + "}, {" + strings.ReplaceAll(acme, "acme", "acme-2") + "}]": `wallets[1].name: "Acme" is also the name of wallets[0]`,
		"[" + strings.Repeat("a, ", 50) + "a]":                                   "lists 51 wallets",
	} {
		if _, err := load(t, required("wallets: "+text)); err == nil {
			t.Errorf("%s: accepted", text)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %s\nwant %s", text, err, want)
		}
	}
}

// The example is copied; what it says of the default must be true.
func TestTheExampleNamesTheDefaultWallets(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.ReplaceAll(string(text), "\n# ", " "), "Default: announced, hot (mainnet only), "+strings.Join(defaultWallets[2:], ", ")+";") {
		t.Error("config.example.yaml does not list the default wallets in their order")
	}
}

func TestIconsOfWalletsAreReadAtTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "acme.svg"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte(required("wallets: [{id: meteor, icon: acme.svg}, {id: hot, icon: meteor}]")), 0o600); err != nil {
		t.Fatal(err)
	}
	put(`<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>`)
	c, files, err := LoadFiles(file, testEnv)
	if err != nil {
		t.Fatal(err)
	}
	if p := c.Wallets[0].Picture; p == nil || p.ContentType != "image/svg+xml" || c.Wallets[1].Picture != nil {
		t.Errorf("%+v", c.Wallets)
	}
	if files.Changed() {
		t.Error("changed at once")
	}
	put(`<svg xmlns="http://www.w3.org/2000/svg"><path d="M1 1"/></svg>`)
	next, err := Load(file, testEnv)
	if err != nil || !files.Changed() || !slices.Equal(Differences(c, next), []string{"wallets"}) {
		t.Errorf("another picture goes unnoticed: %v", err)
	}
	put(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)
	if _, err := Load(file, testEnv); err == nil || !strings.Contains(err.Error(), "config.yaml:1: wallets[0].icon: ") || !strings.Contains(err.Error(), "<script> does not belong") {
		t.Error(err)
	}
}
