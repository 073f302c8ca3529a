package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"near-idp/internal/idp"
)

const apiKeysPath = "/admin/v1/api-keys"

// apiKeyMade is a new key with its value.
type apiKeyMade struct {
	idp.APIKey
	Value string `json:"key,omitempty"`
}

func runAPIKeyCreate(ctx context.Context, args []string) error {
	o := newOptions("api-key create", "[NAME]", `
Makes a key for the admin API and prints it this once; its hash is stored. A key
may do what its scopes say: status:read, clients:read, clients:write, accounts:read,
accounts:write, keys:read, keys:write, audit:read, api-keys:read, api-keys:write. One
that ends in :write includes its :read.

Examples:
  idp api-key create deploy --scope clients:write --expires 30d
  idp api-key create watch --scope "audit:read status:read" --expires 366d
  export IDP_ADMIN_KEY=$(idp api-key create --scope clients:read --expires 1h -o json | jq -r .key)`)
	var scopes list
	o.Var(&scopes, "scope", "`SCOPE` of what it may do; repeat, or separate by spaces, for several")
	life := o.String("expires", "90d", "`TIME` after which it stops working, at most 366d")
	t, out, dry := o.targetFlags(), o.formatFlag(), o.dryRunFlag()
	name, err := o.parse(args, 0, 1)
	if err != nil {
		return err
	}
	words := strings.Fields(strings.Join(scopes, " "))
	if len(words) == 0 {
		return usage(o.Name(), "--scope is missing: name what the key may do, such as --scope clients:write")
	}
	d, err := idp.ParseDuration(*life)
	if err != nil || d <= 0 {
		return usage(o.Name(), "--expires %q is not a time to come: write for example 12h or 90d", *life)
	}
	a, err := t.api(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	var made apiKeyMade
	err = a.do(ctx, "POST", apiKeysPath+dryRun(*dry), map[string]any{
		"name": strings.Join(name, ""), "scopes": words, "expires_at": time.Now().Add(d.Std()).UTC().Truncate(time.Second),
	}, &made)
	if err != nil {
		return err
	}
	return out.print(made, func(w io.Writer) {
		if made.Value != "" {
			fmt.Fprintf(w, "key\t%s  (shown this once)\n", made.Value)
			fmt.Fprintf(w, "id\t%s\n", made.ID)
		}
		fmt.Fprintf(w, "name\t%s\n", cmp.Or(shown(made.Name), "-"))
		fmt.Fprintf(w, "scopes\t%s\n", strings.Join(made.Scopes, " "))
		fmt.Fprintf(w, "expires\t%s\n", made.ExpiresAt.UTC().Format(time.RFC3339))
	})
}

func runAPIKeyList(ctx context.Context, args []string) error {
	o := newOptions("api-key list", "", `
Lists the keys for the admin API that have not expired: what each begins with, what it
may do, and when it was last used.

Examples:
  idp api-key list
  idp api-key list -o json`)
	t, out := o.targetFlags(), o.formatFlag()
	if _, err := o.parse(args, 0, 0); err != nil {
		return err
	}
	a, err := t.api(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	var page struct{ Items []idp.APIKey }
	if err := a.do(ctx, "GET", apiKeysPath, nil, &page); err != nil {
		return err
	}
	return out.print(page.Items, func(w io.Writer) {
		if len(page.Items) == 0 {
			fmt.Fprintln(w, "There is no API key. Make one with: idp api-key create")
			return
		}
		fmt.Fprintln(w, "ID\tNAME\tBEGINS WITH\tSCOPES\tMADE BY\tEXPIRES\tLAST USED")
		for _, k := range page.Items {
			used := "never"
			if !k.LastUsedAt.IsZero() {
				used = k.LastUsedAt.UTC().Format(time.RFC3339)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, cmp.Or(shown(k.Name), "-"), k.Prefix, strings.Join(k.Scopes, " "),
				shown(k.CreatedBy), k.ExpiresAt.UTC().Format(time.RFC3339), used)
		}
	})
}

func runAPIKeyRevoke(ctx context.Context, args []string) error {
	o := newOptions("api-key revoke", "ID", `
Ends a key for the admin API at once. "idp api-key list" shows the ids, and which keys
were made with it: those go on until they are revoked too.

Examples:
  idp api-key revoke 4XQ2M7ZKDUVP`)
	t, dry := o.targetFlags(), o.dryRunFlag()
	id, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	a, err := t.api(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	if err := a.do(ctx, "DELETE", apiKeysPath+"/"+url.PathEscape(id[0])+dryRun(*dry), nil, nil); err != nil {
		return err
	}
	if *dry {
		fmt.Printf("Key %s can be revoked; nothing was changed.\n", shown(id[0]))
		return nil
	}
	fmt.Printf("Key %s is revoked.\n", shown(id[0]))
	return nil
}
