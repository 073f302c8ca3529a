package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"near-idp/internal/idp"
)

// metadataFlags are the flags of create and update that describe a client.
type metadataFlags struct {
	options      *options
	name         *string
	url          *string
	brand        *brandFlags
	redirectURIs list
	postLogout   list
	backchannel  *string
	grantTypes   list
	scope        *string
	alg          *string
	firstParty   *bool
	claimPolicy  *string
	accessPolicy *string
	noPKCE       *bool
	device       *bool
	matchNumber  *bool
	keys         *keyFlags
}

func (o *options) metadataFlags() *metadataFlags {
	m := &metadataFlags{options: o, keys: o.keyFlags(), brand: o.brandFlags()}
	m.name = o.String("name", "", "`NAME` of what people are asked to sign in to")
	m.url = o.String("url", "", "`URL` where the application lives")
	o.Var(&m.redirectURIs, "redirect-uri", "`URL` that people are sent back to, exactly this one; https, or http on a loopback host; repeat for several")
	o.Var(&m.postLogout, "post-logout-redirect-uri", "`URL` that people may be sent to after signing out, exactly this one; repeat for several")
	m.backchannel = o.String("backchannel-logout-uri", "", "`URL` that is told, server to server, when a person signs out; https, or http on a loopback host")
	o.Var(&m.grantTypes, "grant-type", "`GRANT` that it may use: authorization_code, refresh_token or client_credentials; repeat for several (default: the first two)")
	m.scope = o.String("scope", "", "`SCOPES` that it may be granted, separated by spaces (default \"openid profile email groups offline_access\")")
	m.alg = o.String("alg", "", "`ALG` that signs its ID tokens: RS256, ES256, EdDSA or PS256 (default: signing.default_alg)")
	m.firstParty = o.Bool("first-party", false, "an application of your own")
	m.claimPolicy = o.String("claim-policy", "", "`POLICY` that says what it learns about people, one of claim_policies or a built-in one")
	m.accessPolicy = o.String("access-policy", "", "`POLICY` that says who may sign in to it, one of access_policies (default: everybody)")
	m.device = o.Bool("device", false, "it may sign people in on devices without a browser, by a code that it shows (RFC 8628)")
	m.matchNumber = o.Bool("match-number", false, "its devices show the number of idp_match_number, which people must then pick; implies --device")
	m.noPKCE = o.Bool("danger-no-require-pkce", false, "accept requests without PKCE, for software that has none: a stolen code can then be used by whoever injects it")
	return m
}

// check reads what the flags name, and refuses an algorithm that the provider has no key for.
func (m *metadataFlags) check(offered []string) error {
	if err := m.keys.read(); err != nil {
		return err
	}
	if !m.options.given("alg") || slices.Contains(offered, *m.alg) {
		return nil
	}
	hint := ""
	if near := idp.Nearest(*m.alg, offered); near != "" {
		hint = fmt.Sprintf("; did you mean %s?", near)
	}
	return usage(m.options.Name(), "--alg %q is not one of signing.algs (%s)%s", *m.alg, strings.Join(offered, ", "), hint)
}

// apply sets what the command line gave and leaves the rest.
func (m *metadataFlags) apply(c *idp.Client) {
	m.options.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "name":
			c.Name = *m.name
		case "url":
			c.ClientURI = *m.url
		case "redirect-uri":
			c.RedirectURIs = m.redirectURIs
		case "post-logout-redirect-uri":
			// An empty one stands for none, so that all can be taken away.
			c.PostLogoutRedirectURIs = slices.DeleteFunc(slices.Clone(m.postLogout), func(uri string) bool { return uri == "" })
		case "backchannel-logout-uri":
			c.BackchannelLogoutURI = *m.backchannel
		case "grant-type":
			c.GrantTypes = m.grantTypes
		case "scope":
			c.Scope = *m.scope
		case "alg":
			c.IDTokenSignedResponseAlg = *m.alg
		case "first-party":
			c.FirstParty = *m.firstParty
		case "claim-policy":
			c.ClaimPolicy = *m.claimPolicy
		case "access-policy":
			c.AccessPolicy = *m.accessPolicy
		case "danger-no-require-pkce":
			required := !*m.noPKCE
			c.RequirePKCE = &required
		case "match-number":
			c.DeviceMatchNumber = *m.matchNumber
		}
	})
	m.brand.apply(c)
	m.applyDevice(c)
	m.keys.apply(c)
}

// applyDevice adds or removes the device grant. A client that has no redirect URI
// can use no other.
func (m *metadataFlags) applyDevice(c *idp.Client) {
	switch given := m.options.given; {
	case *m.device || *m.matchNumber:
		if len(c.GrantTypes) == 0 {
			if len(c.RedirectURIs) > 0 {
				c.GrantTypes = []string{idp.GrantAuthorizationCode}
			}
			c.GrantTypes = append(c.GrantTypes, idp.GrantRefreshToken)
		}
		if !slices.Contains(c.GrantTypes, idp.GrantDeviceCode) {
			c.GrantTypes = append(slices.Clone(c.GrantTypes), idp.GrantDeviceCode)
		}
	case given("device"):
		c.GrantTypes = slices.DeleteFunc(slices.Clone(c.GrantTypes), func(grant string) bool { return grant == idp.GrantDeviceCode })
		c.DeviceMatchNumber = false
	}
}

func runClientCreate(ctx context.Context, args []string) error {
	o := newOptions("client create", "[NAME]", `
Registers an application and prints what to paste into it: the issuer, the
client_id and the secret. The secret is stored as a hash and shown this once.
Without --id the id is made from the name. With --preset it is registered as that
software needs it, and the output is what its own configuration needs; other flags
win over the preset.

Examples:
  idp client create ops --preset grafana --url https://grafana.example.com
  idp client create Grafana --redirect-uri https://grafana.example.com/login/generic_oauth
  idp client create "My App" --id app --public --redirect-uri https://app.example.com/callback
  idp client create "My CLI" --public --device
  idp client create Bank --profile fapi2 --jwks-uri https://bank.example.com/jwks --redirect-uri https://bank.example.com/cb
  idp client create Billing --jwks-file public-keys.json --redirect-uri https://billing.example.com/cb
  idp client create Wiki --redirect-uri https://wiki.example.com/cb --secret-file /run/secrets/wiki
  idp client create Report --grant-type client_credentials --scope files.read
  idp client create Demo --dev --redirect-uri http://localhost:3000/callback -o json`)
	m, pre := o.metadataFlags(), o.presetFlags()
	id := o.String("id", "", "`ID` that it has in the protocol, the client_id (default: made from the name)")
	public := o.Bool("public", false, "it cannot keep a secret: a single-page, mobile or desktop application")
	secretFile := o.String("secret-file", "", "use the secret in this `FILE` (- for standard input) instead of a new one")
	t, out, dry := o.targetFlags(), o.formatFlag(), o.dryRunFlag()
	plain, err := o.parse(args, 0, 1)
	if err != nil {
		return err
	}
	c := idp.Client{ID: *id}
	if *public {
		c.TokenEndpointAuthMethod = idp.AuthNone
	}
	if len(plain) == 1 {
		if c.Name = plain[0]; o.given("name") {
			return usage(o.Name(), "the name is given twice: %q and --name", plain[0])
		}
	}
	if err := pre.find(); err != nil {
		return err
	}
	if c.ID == "" {
		if c.ID = cmp.Or(slug(c.Name+*m.name), *pre.name); c.ID == "" {
			return usage(o.Name(), "give a name with letters or digits, or --id")
		}
	}
	if *public && (o.given("jwks-file") || o.given("jwks-uri")) {
		return usage(o.Name(), "--public excludes --jwks-file and --jwks-uri: a public client cannot keep a key")
	}
	if *public && *secretFile != "" {
		return usage(o.Name(), "--public and --secret-file exclude one another: a public client has no secret")
	}
	var chosen idp.Secret
	if *secretFile != "" {
		if chosen, err = readSecret(*secretFile); err != nil {
			return err
		}
	}
	r, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	if err := m.check(r.Algs); err != nil {
		return err
	}
	m.apply(&c)
	if err := pre.apply(&c); err != nil {
		return err // what it did not fill in would be missed, too
	}
	if err := pre.try(ctx, r, c, chosen); err != nil {
		return err
	}
	full, secret, err := r.Create(ctx, c, chosen, *dry)
	if err != nil {
		return err
	}
	if chosen != "" {
		secret = "" // its owner has it
	}
	return pre.print(r, *out, full, secret)
}

func runClientUpdate(ctx context.Context, args []string) error {
	o := newOptions("client update", "ID", `
Changes what the flags say and leaves the rest. --redirect-uri replaces all
redirect URIs, --post-logout-redirect-uri all of those ("" removes them). The
secret stays. Applications of the configuration file are
changed there.

Examples:
  idp client update grafana --name "Grafana (EU)"
  idp client update grafana --logo-uri https://grafana.example.com/logo.png --brand-color "#f05a28"
  idp client update app --redirect-uri https://app.example.com/cb --redirect-uri https://beta.example.com/cb
  idp client update legacy --danger-no-require-pkce
  idp client update legacy --danger-no-require-pkce=false`)
	m := o.metadataFlags()
	t, out, dry := o.targetFlags(), o.formatFlag(), o.dryRunFlag()
	id, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	flags := []string{"name", "url", "redirect-uri", "post-logout-redirect-uri", "backchannel-logout-uri", "grant-type", "scope", "alg", "first-party", "claim-policy", "access-policy", "danger-no-require-pkce", "device", "match-number"}
	if !slices.ContainsFunc(slices.Concat(flags, keyFlagNames(), brandFlagNames), o.given) {
		return usage(o.Name(), "say what to change")
	}
	r, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	if err := m.check(r.Algs); err != nil {
		return err
	}
	full, err := r.Update(ctx, id[0], m.apply, *dry)
	if err != nil {
		return suggestList(err)
	}
	return r.printClient(*out, full, "")
}

// readSecret reads a secret of the operator's choice from a file or, for "-",
// from standard input. It is never an argument, which other users could see.
func readSecret(path string) (idp.Secret, error) {
	const most = 4096
	in := os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("--secret-file: %w", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return "", fmt.Errorf("--secret-file: %w", err)
	}
	secret := strings.TrimRight(string(data), "\r\n")
	if secret == "" || len(data) > most {
		return "", errors.New("--secret-file: write the secret on one line, 32 characters or more: openssl rand -hex 32")
	}
	return idp.Secret(secret), nil
}

// slug makes an id of a name: "My App (EU)" becomes "my-app-eu".
func slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	id := b.String()
	return strings.TrimRight(id[:min(len(id), 64)], "-")
}
