package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"near-idp/internal/postgres"
)

// openForMigrate parses the flags of a migrate command and opens its database.
func openForMigrate(ctx context.Context, o *options, args []string) (*postgres.Store, func(), error) {
	name := configFlag(o)
	if _, err := o.parse(args, 0, 0); err != nil {
		return nil, nil, err
	}
	cfg, err := loadConfig(*name)
	if err != nil {
		return nil, nil, err
	}
	return openStore(ctx, cfg)
}

func runMigrateUp(ctx context.Context, args []string) error {
	o := newOptions("migrate up", "", `
Applies the migrations that the database lacks. It is safe to run twice, from
several machines at once, and while the previous release serves: a migration that
cannot have its table at once lets sign-ins through and tries again.

Example:
  idp migrate up --config /etc/idp/config.yaml`)
	store, close, err := openForMigrate(ctx, o, args)
	if err != nil {
		return err
	}
	defer close()
	applied, schema, err := migrateStore(ctx, store)
	for _, name := range applied {
		fmt.Println("applied", name)
	}
	if err != nil {
		return err
	}
	switch {
	case schema.Newer():
		fmt.Printf("A newer release migrated the database, to %d; this one knows migrations up to %d and can run on it.\n", schema.Applied, schema.Known)
	case len(applied) == 0:
		fmt.Println("The schema is up to date.")
	}
	return nil
}

func runMigrateStatus(ctx context.Context, args []string) error {
	o := newOptions("migrate status", "", `
Lists the migrations of this release in order, and whether the database has them.
"newer" are those that a newer release has applied. It exits with 1 if this release
must not run on the database any more.

Examples:
  idp migrate status
  idp migrate status -o json`)
	out := o.formatFlag()
	store, close, err := openForMigrate(ctx, o, args)
	if err != nil {
		return err
	}
	defer close()
	schema, err := store.Schema(ctx)
	if err != nil {
		return err
	}
	type row struct {
		Version int64  `json:"version"`
		Name    string `json:"name"`
		Applied bool   `json:"applied"`
	}
	rows := make([]row, len(schema.Steps))
	for i, step := range schema.Steps {
		rows[i] = row(step)
	}
	err = out.print(rows, func(w io.Writer) {
		fmt.Fprintln(w, "VERSION\tNAME\tSTATE")
		for _, r := range rows {
			state := "missing"
			switch {
			case r.Name == "":
				r.Name, state = "-", "newer"
			case r.Applied:
				state = "applied"
			}
			fmt.Fprintf(w, "%d\t%s\t%s\n", r.Version, r.Name, state)
		}
	})
	return errors.Join(err, schema.Outgrown())
}

func runMigrateVersion(ctx context.Context, args []string) error {
	o := newOptions("migrate version", "", `
Prints the number of the last migration that the database has, 0 for none.

Example:
  idp migrate version`)
	store, close, err := openForMigrate(ctx, o, args)
	if err != nil {
		return err
	}
	defer close()
	schema, err := store.Schema(ctx)
	if err != nil {
		return err
	}
	fmt.Println(schema.Applied)
	return nil
}
