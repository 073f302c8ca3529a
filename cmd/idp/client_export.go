package main

import (
	"context"
	"fmt"
	"os"

	"near-idp/internal/idp"
)

func runClientExport(ctx context.Context, args []string) error {
	o := newOptions("client export", "", `
Prints the registered applications as a document for "idp client apply", ordered
by id: the same applications make the same bytes, so that it can be kept under
version control. Those of the configuration file are left out, and so are
secrets, which are stored as hashes. With the hashes, which --with-hashes adds, a copy of the
registry accepts the same secrets: keep such a file to yourself.

Examples:
  idp client export > clients.yaml
  idp client export -o json
  idp client export --with-hashes > backup.yaml`)
	hashes := o.Bool("with-hashes", false, "add the hashes of the secrets")
	as := o.String("o", "yaml", "output `FORMAT`: yaml or json")
	t := o.targetFlags()
	if _, err := o.parse(args, 0, 0); err != nil {
		return err
	}
	if *as != "yaml" && *as != "json" {
		return usage(o.Name(), "-o %q is not known: write yaml or json", *as)
	}
	r, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	var document []byte
	err = r.do(ctx, "GET", fmt.Sprintf("/admin/v1/export?hashes=%t", *hashes), nil, &document, "Accept", "application/"+*as)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(document)
	return err
}

func runClientDisable(ctx context.Context, args []string) error {
	o := newOptions("client disable", "ID", `
Keeps an application, but lets nobody sign in to it: it can redeem and refresh
nothing until it is enabled again. Access tokens that it holds end with their
lifetimes. One of the configuration file is disabled there: disabled: true.

Examples:
  idp client disable grafana
  idp client enable grafana`)
	return o.setDisabled(ctx, args, true)
}

func runClientEnable(ctx context.Context, args []string) error {
	o := newOptions("client enable", "ID", `
Ends what "idp client disable" began.

Examples:
  idp client enable grafana`)
	return o.setDisabled(ctx, args, false)
}

func (o *options) setDisabled(ctx context.Context, args []string, disabled bool) error {
	t, out, dry := o.targetFlags(), o.formatFlag(), o.dryRunFlag()
	id, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	r, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	c, err := r.Update(ctx, id[0], func(c *idp.Client) { c.Disabled = disabled }, *dry)
	if err != nil {
		return suggestList(err)
	}
	if *out != "table" {
		return r.printClient(*out, c, "")
	}
	state := "enabled"
	if c.Disabled {
		state = "disabled: nobody can sign in to it"
	}
	fmt.Printf("Client %s is %s.\n", shown(c.ID), state)
	return nil
}
