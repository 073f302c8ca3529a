package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"near-idp/internal/oauth"
)

func runClientPreview(ctx context.Context, args []string) error {
	o := newOptions("client preview", "ID", `
Prints the exact ID token, access token and userinfo that an application would be given
for an account, by its scopes, claim policy and groups, and whether its access policy
lets the account in. They are decoded and not signed: nobody can use them.

Examples:
  idp client preview grafana --account alice.near
  idp client preview grafana --account alice.near --scope "openid email groups"
  idp client preview files --account alice.near --resource https://files.example.com -o json`)
	account := o.String("account", "", "the NEAR `ACCOUNT` that would sign in")
	scope := o.String("scope", "", "the `SCOPES` that the application asks for, separated by spaces (default: all that it may have)")
	var resources list
	o.Var(&resources, "resource", "`URI` of an API that it asks for (RFC 8707); repeat for several")
	t, out := o.targetFlags(), o.formatFlag()
	id, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	if *account == "" {
		return usage(o.Name(), "--account is missing: name whom to look at, such as --account alice.near")
	}
	query := url.Values{"account_id": {*account}, "resource": resources}
	if *scope != "" {
		query.Set("scope", *scope)
	}
	var made oauth.Preview
	if err := t.call(ctx, "GET", clientPath(id[0])+"/preview?"+query.Encode(), nil, &made); err != nil {
		return suggestList(err)
	}
	return out.print(made, func(w io.Writer) { writePreview(w, made) })
}

func writePreview(w io.Writer, p oauth.Preview) {
	if p.Denied != "" {
		fmt.Fprintf(w, "%s is not let in: %s. Otherwise it would be:\n\n", shown(p.AccountID), shown(p.Denied))
	}
	fmt.Fprintf(w, "%s with %s gets %s.\n", shown(p.AccountID), shown(p.ClientID), shown(strings.Join(p.Scopes, " ")))
	part := func(name string, value any) {
		text, err := json.MarshalIndent(value, "", "  ")
		if err != nil {
			text = []byte("?")
		}
		fmt.Fprintf(w, "\n%s %s\n", name, text)
	}
	if p.IDToken != nil {
		part("ID token", p.IDToken.Claims)
	}
	if p.AccessToken != nil {
		part("access token", p.AccessToken.Claims)
	}
	if p.UserInfo != nil {
		part("userinfo", p.UserInfo)
	}
}
