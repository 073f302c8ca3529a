package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"near-idp/internal/clients"
	"near-idp/internal/config"
	"near-idp/internal/presets"
)

func runClientApply(ctx context.Context, args []string) error {
	o := newOptions("client apply", "", `
Makes the registered applications be as a document says: YAML or JSON, one
application or a list of them, with the keys that config.example.yaml explains
at clients. It prints what changes, field by field, and makes all changes in one
transaction, or none. A second run changes nothing.

Applications that the document lacks stay, unless --prune deletes them. Those of
the configuration file are never touched; naming one is an error. A secret may
be written file:/path or ${NAME}; left out, the secrets stay as they are. Of an
application with a preset, the client_uri is enough: if neither redirect_uris nor
grant_types are written, the rest is filled in as "idp client create --preset" does.

Examples:
  idp client apply -f clients.yaml --dry-run
  idp client apply -f clients.yaml
  idp client apply -f clients.yaml --prune
  idp client export | sed s/old.example.com/new.example.com/ | idp client apply -f -`)
	file := o.String("f", "", "`FILE` with the applications (- for standard input)")
	prune := o.Bool("prune", false, "delete the applications that the document lacks, but for those of the configuration file")
	many := o.Bool("danger-prune-many", false, "let --prune delete most or all applications")
	dry := o.Bool("dry-run", false, "print what would change, and change nothing")
	t, out := o.targetFlags(), o.formatFlag()
	if _, err := o.parse(args, 0, 0); err != nil {
		return err
	}
	switch {
	case *file == "":
		return usage(o.Name(), "-f is missing: name the file with the applications")
	case *many && !*prune:
		return usage(o.Name(), "--danger-prune-many needs --prune")
	}
	list, err := readDocument(*file)
	if err != nil {
		return err
	}
	r, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	plan, err := r.Apply(ctx, list, clients.ApplyOptions{Prune: *prune, PruneMany: *many, DryRun: *dry})
	if plan == nil {
		return err // there is no plan for what makes no sense
	}
	printed := out.print(plan, func(w io.Writer) { writePlan(w, *plan, err != nil, needSecrets(list)) })
	return errors.Join(err, printed)
}

// readDocument reads the clients of a file, or of standard input for "-".
func readDocument(file string) ([]clients.Entry, error) {
	in, name := io.Reader(os.Stdin), "standard input"
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("-f: %w", err)
		}
		defer f.Close()
		in, name = f, file
	}
	data, err := io.ReadAll(io.LimitReader(in, config.MaxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("-f: %w", err)
	}
	list, err := config.ParseClients(name, data, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	return entriesOf(list), nil
}

func entriesOf(list []config.Registration) []clients.Entry {
	entries := make([]clients.Entry, len(list))
	for i, r := range list {
		entries[i] = clients.Entry{Client: r.Client.Client, Secret: r.Secret, Secrets: r.Hashes(), Where: r.Where}
	}
	return entries
}

// needSecrets are the clients that authenticate with a secret.
func needSecrets(list []clients.Entry) map[string]bool {
	ids := map[string]bool{}
	for _, entry := range list {
		c := entry.Client
		if preset, err := presets.Find(c.Preset); err == nil {
			_ = preset.Apply("", &c) // what it cannot be applied to was refused
		}
		ids[c.ID] = c.UsesSecret()
	}
	return ids
}

// writePlan shows a plan to people.
func writePlan(w io.Writer, plan clients.Plan, failed bool, needSecret map[string]bool) {
	for _, c := range plan.Changes {
		if c.Action == clients.ActionUnchanged {
			continue
		}
		fmt.Fprintf(w, "%-9s %s\n", c.Action, shown(c.ClientID))
		for _, f := range c.Fields {
			fmt.Fprintf(w, "          %s: %s -> %s\n", f.Field, plain(f.From), plain(f.To))
		}
		switch {
		case c.Secrets != "":
			fmt.Fprintf(w, "          secrets: %s\n", c.Secrets)
		case c.Action == clients.ActionCreate && needSecret[c.ClientID]:
			fmt.Fprintf(w, "          has no secret yet: idp client secret add %s\n", shown(c.ClientID))
		case c.Action == clients.ActionConflict:
			fmt.Fprintf(w, "          %s\n", shown(c.Reason))
		}
	}
	verdict := "Applied"
	switch {
	case failed:
		verdict = "Nothing is changed. The plan was"
	case plan.Create+plan.Update+plan.Delete == 0:
		verdict = "Nothing to change"
	case !plan.Applied:
		verdict = "Dry run, nothing is changed"
	}
	fmt.Fprintf(w, "%s: %d to create, %d to update, %d to delete, %d unchanged.\n", verdict, plan.Create, plan.Update, plan.Delete, plan.Unchanged)
}

// plain shows a value of a field on one line.
func plain(value any) string {
	if value == nil {
		return "(default)"
	}
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return "?"
	}
	line := []rune(shown(strings.TrimSpace(text.String())))
	if len(line) > 120 {
		return string(line[:120]) + "…"
	}
	return string(line)
}
