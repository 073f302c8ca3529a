package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"near-idp/internal/idp"
	"near-idp/internal/presets"
)

// presetFlags are the flags of create that say which software the application is.
type presetFlags struct {
	options *options
	name    *string
	group   *string
	preset  *presets.Preset // nil: none was named
}

func (o *options) presetFlags() *presetFlags {
	return &presetFlags{
		options: o,
		name:    o.String("preset", "", "`SOFTWARE` that it is, registered as that needs it, with what to paste there: "+strings.Join(presets.Names(), ", ")),
		group:   adminGroupFlag(o),
	}
}

func adminGroupFlag(o *options) *string {
	return o.String("admin-group", "", "`GROUP` whose members become administrators there (default: that of the preset)")
}

// find looks up the preset that was named.
func (p *presetFlags) find() (err error) {
	if *p.name == "" {
		if *p.group != "" {
			return usage(p.options.Name(), "--admin-group is for the output of --preset, which is missing")
		}
		return nil
	}
	if p.preset, err = presets.Find(*p.name); err != nil {
		return usage(p.options.Name(), "--%s", err)
	}
	if p.preset.NeedsURL && !p.options.given("url") {
		return usage(p.options.Name(), "--preset %s needs --url, such as --url %s", p.preset.Name, p.preset.Example)
	}
	return nil
}

// apply fills in what the other flags left empty.
func (p *presetFlags) apply(c *idp.Client) error {
	if p.preset == nil {
		return nil
	}
	if err := p.preset.Apply("", c); err != nil {
		return usage(p.options.Name(), "--url: %s", err)
	}
	return nil
}

// context is what a snippet for c is made of.
func (r *registry) context(c idp.Client, secret idp.Secret, group string) presets.Context {
	return presets.Context{Issuer: r.Issuer, Client: c, Secret: secret, AdminGroup: group}
}

// try finds out whether there will be a snippet for c, before it is registered.
func (p *presetFlags) try(ctx context.Context, r *registry, c idp.Client, chosen idp.Secret) error {
	if p.preset == nil {
		return nil
	}
	full, _, err := r.Create(ctx, c, chosen, true)
	if err == nil {
		_, err = p.preset.Snippet(r.context(full, "", *p.group))
	}
	return err
}

// print shows a new client, and what to paste into its software.
func (p *presetFlags) print(r *registry, out format, c idp.Client, secret idp.Secret) error {
	if p.preset == nil {
		return r.printClient(out, c, secret)
	}
	snippet, err := p.preset.Snippet(r.context(c, secret, *p.group))
	if err != nil {
		return err
	}
	full := r.output(c, secret)
	full.Snippet = &snippet
	return out.print(full, func(w io.Writer) {
		full.table(w)
		fmt.Fprintf(w, "\n%s", snippet)
	})
}

func runClientSnippet(ctx context.Context, args []string) error {
	o := newOptions("client snippet", "ID", `
Prints again what to paste into an application's own configuration. The secret is
not known any more: where it goes is marked. "idp client secret add" makes
another one. Applications that were registered without a preset need --for.

Examples:
  idp client snippet grafana
  idp client snippet grafana --admin-group dashboards
  idp client snippet wiki --for oauth2-proxy
  idp client snippet grafana -o json`)
	name := o.String("for", "", "the `SOFTWARE` that it is: "+strings.Join(presets.Names(), ", ")+" (default: the preset that it was registered with)")
	group := adminGroupFlag(o)
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
	if *name == "" {
		if *name = c.Preset; c.Preset == "" {
			return usage(o.Name(), "%s was registered without a preset: say with --for which software it is, one of %s", c.ID, strings.Join(presets.Names(), ", "))
		}
	}
	preset, err := presets.Find(*name)
	if err != nil {
		return usage(o.Name(), "%s", err)
	}
	snippet, err := preset.Snippet(r.context(c, "", *group))
	if err != nil {
		return err
	}
	return out.print(snippet, func(w io.Writer) { fmt.Fprint(w, snippet) })
}
