package main

import (
	"context"
	"fmt"
	"io"

	"near-idp/internal/postgres"
)

// migrateStore parses the flags of a migrate command and opens its database.
func migrateStore(ctx context.Context, o *options, args []string) (*postgres.Store, func(), error) {
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
several machines at once, and while the previous release serves.

Example:
  idp migrate up --config /etc/idp/config.yaml`)
	store, close, err := migrateStore(ctx, o, args)
	if err != nil {
		return err
	}
	defer close()
	applied, err := store.Migrate(ctx)
	for _, name := range applied {
		fmt.Println("applied", name)
	}
	if err != nil {
		return err
	}
	if len(applied) == 0 {
		fmt.Println("The schema is up to date.")
	}
	return nil
}

func runMigrateStatus(ctx context.Context, args []string) error {
	o := newOptions("migrate status", "", `
Lists the migrations of this release in order, and whether the database has them.

Examples:
  idp migrate status
  idp migrate status -o json`)
	out := o.formatFlag()
	store, close, err := migrateStore(ctx, o, args)
	if err != nil {
		return err
	}
	defer close()
	steps, err := store.Migrations(ctx)
	if err != nil {
		return err
	}
	type row struct {
		Version int64  `json:"version"`
		Name    string `json:"name"`
		Applied bool   `json:"applied"`
	}
	rows := make([]row, len(steps))
	for i, step := range steps {
		rows[i] = row(step)
	}
	return out.print(rows, func(w io.Writer) {
		fmt.Fprintln(w, "VERSION\tNAME\tSTATE")
		for _, r := range rows {
			state := "missing"
			if r.Applied {
				state = "applied"
			}
			fmt.Fprintf(w, "%d\t%s\t%s\n", r.Version, r.Name, state)
		}
	})
}

func runMigrateVersion(ctx context.Context, args []string) error {
	o := newOptions("migrate version", "", `
Prints the number of the last migration that the database has, 0 for none.

Example:
  idp migrate version`)
	store, close, err := migrateStore(ctx, o, args)
	if err != nil {
		return err
	}
	defer close()
	steps, err := store.Migrations(ctx)
	if err != nil {
		return err
	}
	var last int64
	for _, step := range steps {
		if step.Applied {
			last = max(last, step.Version)
		}
	}
	fmt.Println(last)
	return nil
}
