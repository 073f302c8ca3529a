package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"near-idp/internal/idp"
)

// secretOutput is a new secret as a program reads it.
type secretOutput struct {
	ClientID string `json:"client_id"`
	Secret   string `json:"client_secret"`
	idp.ClientSecret
}

func runClientSecretAdd(ctx context.Context, args []string) error {
	o := newOptions("client secret add", "ID", `
Makes one more secret for an application and prints it, this once. The earlier
ones go on working until they expire or are revoked, so that the application
can be switched over without a pause.

Examples:
  idp client secret add grafana
  idp client secret add grafana --expires 90d
  idp client secret add grafana --expires 90d -o json`)
	life := o.String("expires", "", "`TIME` after which it stops working, such as 90d (default: it does not expire)")
	t, out := o.targetFlags(), o.formatFlag()
	id, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	var expires time.Time
	if o.given("expires") {
		d, err := idp.ParseDuration(*life)
		if err != nil || d <= 0 {
			return usage(o.Name(), "--expires %q is not a time to come: write for example 12h or 90d", *life)
		}
		expires = time.Now().Add(d.Std()).Truncate(time.Second)
	}
	r, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	stored, secret, err := r.AddSecret(ctx, id[0], expires)
	if err != nil {
		return suggestList(err)
	}
	return out.print(secretOutput{id[0], string(secret), stored}, func(w io.Writer) {
		fmt.Fprintf(w, "client_id\t%s\n", id[0])
		fmt.Fprintf(w, "client_secret\t%s  (shown this once)\n", string(secret))
		fmt.Fprintf(w, "id\t%s\n", stored.ID)
		fmt.Fprintf(w, "expires\t%s\n", end(stored))
	})
}

func runClientSecretList(ctx context.Context, args []string) error {
	o := newOptions("client secret list", "ID", `
Lists the live secrets of an application, the newest first: the id that revokes
one, and the first characters by which it is recognised. A secret that its
operator chose shows none.

Examples:
  idp client secret list grafana
  idp client secret list grafana -o json`)
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
	secrets, err := r.Secrets(ctx, id[0])
	if err != nil {
		return suggestList(err)
	}
	return out.print(secrets, func(w io.Writer) {
		if len(secrets) == 0 {
			fmt.Fprintf(w, "Application %s has no secret.\n", shown(id[0]))
			return
		}
		fmt.Fprintln(w, "ID\tBEGINS WITH\tMADE\tEXPIRES\tLAST USED")
		for _, s := range secrets {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.ID, cmp.Or(s.Prefix, "-"), s.CreatedAt.UTC().Format(time.RFC3339), end(s), lastUsed(s.LastUsedAt))
		}
	})
}

func runClientSecretRevoke(ctx context.Context, args []string) error {
	o := newOptions("client secret revoke", "ID SECRET_ID", `
Ends one secret of an application at once. "idp client secret list" shows the
ids. The secret of the configuration file is removed there.

Examples:
  idp client secret revoke grafana 4XQ2M7ZKDUVPLAEJ5H6WCTYRSB`)
	t := o.targetFlags()
	ids, err := o.parse(args, 2, 2)
	if err != nil {
		return err
	}
	r, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.DeleteSecret(ctx, ids[0], ids[1]); err != nil {
		return err
	}
	fmt.Printf("Secret %s of %s is revoked.\n", shown(ids[1]), shown(ids[0]))
	return nil
}

func end(s idp.ClientSecret) string {
	if s.ExpiresAt.IsZero() {
		return "never"
	}
	return s.ExpiresAt.UTC().Format(time.RFC3339)
}
