package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"near-idp/internal/admin"
	"near-idp/internal/idp"
	"near-idp/internal/logos"
	"near-idp/internal/presets"
)

func runClientList(ctx context.Context, args []string) error {
	o := newOptions("client list", "", `
Lists the registered applications, those of the configuration file included
once "idp serve" has read it.

Examples:
  idp client list
  idp client list -o json
  idp client list --dev`)
	t, out := o.targetFlags(), o.formatFlag()
	if _, err := o.parse(args, 0, 0); err != nil {
		return err
	}
	r, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	list, err := r.List(ctx)
	if err != nil {
		return err
	}
	documents, err := documentsOf(list)
	if err != nil {
		return err
	}
	return out.print(documents, func(w io.Writer) {
		if len(list) == 0 {
			fmt.Fprintln(w, "No application is registered. Register one with: idp client create")
			return
		}
		fmt.Fprintln(w, "CLIENT_ID\tNAME\tTYPE\tMANAGED BY\tREDIRECT URIS")
		for _, c := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", shown(c.ID), shown(c.Name), kind(&c), c.ManagedBy, redirects(&c))
		}
	})
}

func runClientGet(ctx context.Context, args []string) error {
	o := newOptions("client get", "ID", `
Shows one application with every default filled in. Its secrets are stored as
hashes and cannot be shown.

Examples:
  idp client get grafana
  idp client get grafana -o json`)
	t, out := o.targetFlags(), o.formatFlag()
	id, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	r, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	c, err := r.Client(ctx, id[0])
	if err != nil {
		return suggestList(err)
	}
	return r.printClient(*out, c, "")
}

func runClientDelete(ctx context.Context, args []string) error {
	o := newOptions("client delete", "ID", `
Removes an application and its secrets. Nobody can sign in to it any more;
tokens that it holds end with their lifetimes. It asks before it does so, and
needs --yes where nobody can answer.

Examples:
  idp client delete grafana
  idp client delete grafana --yes`)
	t := o.targetFlags()
	yes := o.Bool("yes", false, "do not ask")
	dry := o.dryRunFlag()
	id, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	r, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	c, err := r.Client(ctx, id[0])
	if err != nil {
		return suggestList(err)
	}
	if !*yes {
		consequence := fmt.Sprintf("Nobody will be able to sign in to %s any more.", shown(c.DisplayName()))
		if err := confirm(o.Name(), "delete", c.ID, consequence); err != nil {
			return err
		}
	}
	if err := r.Delete(ctx, c.ID, *dry); err != nil {
		return err
	}
	if *dry {
		fmt.Printf("Client %s can be deleted; nothing was changed.\n", c.ID)
		return nil
	}
	fmt.Printf("Client %s is deleted.\n", c.ID)
	return nil
}

// confirm asks on the terminal for the id of what a verb is to be done to.
func confirm(command, verb, id, consequence string) error {
	if fi, err := os.Stdin.Stat(); err != nil || fi.Mode()&os.ModeCharDevice == 0 {
		return usage(command, "standard input is no terminal to ask on: add --yes to %s %s", verb, shown(id))
	}
	fmt.Fprintf(os.Stderr, "%s Type %s to %s it: ", consequence, shown(id), verb)
	line, err := bufio.NewReader(io.LimitReader(os.Stdin, 256)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if strings.TrimSpace(line) != id {
		return errors.New("nothing was changed: the answer was another")
	}
	return nil
}

func suggestList(err error) error {
	if errors.Is(err, idp.ErrNotFound) {
		return fmt.Errorf("%w; `idp client list` shows those that exist", err)
	}
	return err
}

// documentsOf writes clients as the admin API does.
func documentsOf(list []idp.Client) ([]json.RawMessage, error) {
	documents := make([]json.RawMessage, len(list))
	for i, c := range list {
		var err error
		if documents[i], err = admin.Document(c); err != nil {
			return nil, err
		}
	}
	return documents, nil
}

// A clientOutput is a client as commands show it: as the admin API writes it, with what the
// relying party must be given besides.
type clientOutput struct {
	idp.Client
	Secret       string // of a new client alone
	Issuer       string
	DiscoveryURL string
	Snippet      *presets.Snippet // what to paste; nil: not asked for
}

// MarshalJSON writes it for programs.
func (c clientOutput) MarshalJSON() ([]byte, error) {
	full, err := members(c.Client)
	if err != nil {
		return nil, err
	}
	full["issuer"], full["discovery_url"] = c.Issuer, c.DiscoveryURL
	if c.Secret != "" {
		full["client_secret"] = c.Secret
	}
	if c.Snippet != nil {
		full["snippet"] = c.Snippet
	}
	return json.Marshal(full)
}

// output is c as it is shown, with its secret if that is not empty.
func (r *registry) output(c idp.Client, secret idp.Secret) clientOutput {
	return clientOutput{Client: c, Secret: string(secret), Issuer: r.Issuer, DiscoveryURL: r.Issuer + "/.well-known/openid-configuration"}
}

// printClient shows one client, and its secret if that is not empty.
func (r *registry) printClient(out format, c idp.Client, secret idp.Secret) error {
	full := r.output(c, secret)
	return out.print(full, full.table)
}

// table writes the client for people.
func (c clientOutput) table(w io.Writer) {
	row := func(key, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", key, value)
		}
	}
	row("client_id", shown(c.ID))
	if c.Secret != "" {
		row("client_secret", c.Secret+"  (shown this once)")
	}
	row("issuer", c.Issuer)
	row("discovery", c.DiscoveryURL)
	row("name", shown(c.Name))
	row("url", shown(c.ClientURI))
	row("logo", logoLine(c.Client))
	row("privacy policy", shown(c.PolicyURI))
	row("terms of service", shown(c.TosURI))
	row("brand color", shown(c.BrandColor))
	row("preset", shown(c.Preset))
	row("type", kind(&c.Client))
	for _, uri := range c.RedirectURIs {
		row("redirect_uri", shown(uri))
	}
	for _, uri := range c.PostLogoutRedirectURIs {
		row("post-logout redirect_uri", shown(uri))
	}
	row("back-channel logout", shown(c.BackchannelLogoutURI))
	row("grant types", shown(strings.Join(c.GrantTypes, " ")))
	row("scope", shown(c.Scope))
	row("auth method", cmp.Or(c.TokenEndpointAuthMethod, "client_secret_basic or client_secret_post"))
	row("jwks_uri", c.JWKSURI)
	if c.RequirePushedAuthorizationRequests {
		row("requests", "pushed ones alone")
	}
	row("claim policy", shown(c.ClaimPolicy))
	row("access policy", shown(c.AccessPolicy))
	row("signing alg", c.IDTokenSignedResponseAlg)
	row("pkce", map[bool]string{true: "required", false: "NOT required"}[c.MustUsePKCE()])
	row("profile", c.Profile)
	row("dpop", map[bool]string{true: "required"}[c.DPoPBoundAccessTokens])
	row("first party", map[bool]string{true: "yes", false: "no"}[c.FirstParty])
	l := c.Lifetimes
	row("lifetimes", fmt.Sprintf("code %s, access token %s, ID token %s, refresh token %s idle, %s at most",
		l.Code, l.AccessToken, l.IDToken, l.RefreshIdle, l.RefreshAbsolute))
	row("managed by", strings.TrimSpace(c.ManagedBy+" "+shown(c.Source)))
	row("last used", lastUsed(c.LastUsedAt))
}

// logoLine says where the logo comes from and what became of it.
func logoLine(c idp.Client) string {
	source := shown(c.LogoURI)
	switch {
	case source == "":
		return ""
	case logos.IsData(source):
		source = "in the registration"
	}
	switch l := c.Logo; {
	case l.Error != "":
		return source + ", refused: " + shown(l.Error)
	case l.Hash == "":
		return source + ", not fetched yet"
	default:
		return source + ", fetched " + l.FetchedAt.UTC().Format("2006-01-02T15:04Z")
	}
}

// lastUsed is to the minute: no request waits for the note of it.
func lastUsed(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format("2006-01-02T15:04Z")
}

// kind says in a word or two what sort of client it is.
func kind(c *idp.Client) string {
	word := "confidential"
	if c.Public() {
		word = "public"
	}
	if c.Disabled {
		word += ", disabled"
	}
	return word
}

func redirects(c *idp.Client) string {
	switch n := len(c.RedirectURIs); n {
	case 0:
		return ""
	case 1:
		return shown(c.RedirectURIs[0])
	default:
		return fmt.Sprintf("%s and %d more", shown(c.RedirectURIs[0]), n-1)
	}
}

// shown keeps a stored text from steering the terminal or breaking the table.
func shown(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
