package presets

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"near-idp/internal/idp"
)

// A Context is what a snippet is made of.
type Context struct {
	Issuer string     // of the provider, such as https://id.example.com
	Client idp.Client // complete with defaults, as the registry returns it
	// Secret is the client's; empty where it is not known any more: a placeholder names
	// the place where it goes.
	Secret idp.Secret
	// Provider is what buttons call the provider; empty: NEAR.
	Provider string
	// AdminGroup makes its members administrators; empty: that of the preset.
	AdminGroup string

	base string // where the application lives, without a trailing slash
}

// A Snippet is what has to be pasted into a relying party. Its text is safe to paste:
// values are written so that nothing in them has a meaning there.
type Snippet struct {
	Preset string  `json:"preset"`
	Title  string  `json:"title"`
	Blocks []Block `json:"blocks"`
	// Note concerns all of it; it may be empty.
	Note string `json:"note,omitempty"`
}

// openToAll warns of clients without an access policy: software that makes an account
// for whoever signs in does so for everybody who has a wallet.
const openToAll = "Whoever has a NEAR account can sign in there, until the client has an access policy (access_policies in the configuration)."

// A Block is pasted into one place.
type Block struct {
	Place  string `json:"place"`  // the file, page or shell
	Format string `json:"format"` // what highlights it: ini, toml, yaml, json, html, sh, ruby, groovy or text
	Text   string `json:"text"`   // ends with a line feed
	Note   string `json:"note,omitempty"`
}

// groupSyntax is that of the groups of the configuration. None of its characters ends a
// string in JMESPath or a field in a policy.
var groupSyntax = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99}$`)

// Snippet returns what to paste into the relying party that x.Client is the
// registration of. Errors say what about the client does not fit.
func (p *Preset) Snippet(x Context) (Snippet, error) {
	fail := func(err error) (Snippet, error) {
		return Snippet{}, fmt.Errorf("client %q cannot be put into %s: %w", shorten(x.Client.ID), p.Title, err)
	}
	wanted, err := p.client(p.Example)
	if err != nil {
		return Snippet{}, err
	}
	c := &x.Client
	switch {
	case c.TokenEndpointAuthMethod == idp.AuthPrivateKey:
		return fail(errors.New("it signs instead of sending a secret (private_key_jwt): register another one with this preset"))
	case c.Public() != wanted.Public() && c.Public():
		return fail(errors.New("it is public, but this needs a client secret: register it without --public"))
	case c.Public() != wanted.Public():
		return fail(errors.New("it has a secret, which this cannot keep: register it with --public"))
	case len(wanted.RedirectURIs) > 0 && len(c.RedirectURIs) == 0:
		return fail(errors.New("it has no redirect_uris: register it with this preset"))
	}
	if x.base, err = p.base(c); err != nil {
		return fail(err)
	}
	x.Provider = label(cmp.Or(x.Provider, "NEAR"))
	x.AdminGroup = cmp.Or(x.AdminGroup, p.AdminGroup)
	if x.AdminGroup != "" && !groupSyntax.MatchString(x.AdminGroup) {
		return fail(fmt.Errorf("%q is no name for a group: use 1 to 100 of A-Z a-z 0-9 . _ : / @ + -, the first a letter or digit", shorten(x.AdminGroup)))
	}
	blocks, err := p.snippet(x)
	if err != nil {
		return fail(err)
	}
	full := Snippet{p.Name, p.Title, blocks, ""}
	if c.AccessPolicy == "" && slices.Contains(c.GrantTypes, idp.GrantAuthorizationCode) {
		full.Note = openToAll
	}
	return full, nil
}

// String is the snippet as a terminal shows it.
func (s Snippet) String() string {
	var b strings.Builder
	for i, block := range s.Blocks {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "== %s ==\n", block.Place)
		if block.Note != "" {
			b.WriteString(block.Note + "\n")
		}
		b.WriteString("\n" + block.Text)
	}
	if s.Note != "" {
		b.WriteString("\nNote: " + s.Note + "\n")
	}
	return b.String()
}

// secret returns the client's secret, or what says that it goes here.
func (x *Context) secret() string {
	if x.Secret == "" {
		return "<client_secret of " + x.Client.ID + ">"
	}
	return string(x.Secret)
}

// redirectURI is the one that the software uses if it has to be told.
func (x *Context) redirectURI() string { return x.Client.RedirectURIs[0] }

func (x *Context) discovery() string { return x.Issuer + "/.well-known/openid-configuration" }

// hasScope reports whether the client may be granted the scope.
func (x *Context) hasScope(scope string) bool { return slices.Contains(x.Client.Scopes(), scope) }

// extraScopes are those of the client besides openid, which much software adds itself.
func (x *Context) extraScopes() []string {
	return slices.DeleteFunc(x.Client.Scopes(), func(scope string) bool { return scope == scopeOpenID })
}

// afterLogout is where people return to after they have signed out of the provider;
// "" if the client may send nobody back.
func (x *Context) afterLogout() string {
	if len(x.Client.PostLogoutRedirectURIs) == 0 {
		return ""
	}
	return x.Client.PostLogoutRedirectURIs[0]
}

// label returns a name that can be shown anywhere: what some reader of
// configuration would expand is left out.
func label(name string) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || strings.ContainsRune("$%`\\\"'<>{}#;", r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	return cmp.Or(strings.TrimSpace(name), "NEAR")
}

// lines joins lines, each with its line feed; empty ones are left out.
func lines(all ...string) string {
	var b strings.Builder
	for _, line := range all {
		if line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// when returns text if the condition holds, else "".
func when(condition bool, text string) string {
	if condition {
		return text
	}
	return ""
}

// indented returns text with every line moved to the right.
func indented(by, text string) string {
	return by + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+by) + "\n"
}

// command writes a command and its options, one on each line.
func command(name string, options ...string) string {
	options = slices.DeleteFunc(options, func(option string) bool { return option == "" })
	return name + " \\\n  " + strings.Join(options, " \\\n  ") + "\n"
}

// object writes value as JSON for people, without escapes that only HTML needs.
func object(value any) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return "", fmt.Errorf("write JSON: %w", err)
	}
	return b.String(), nil
}
