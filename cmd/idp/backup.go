package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"near-idp/internal/backup"
	"near-idp/internal/config"
	"near-idp/internal/idp"
	"near-idp/internal/keyring"
	"near-idp/internal/postgres"
)

// toStandardOutput is the name that stands for standard output, or input.
const toStandardOutput = "-"

func runBackup(ctx context.Context, args []string) error {
	o := newOptions("backup", "FILE", `
Writes to a new file, readable by its owner alone, what cannot be had again:
applications with the hashes of their secrets and their logos, the wrapped signing
keys, who each account is (so that no "sub" is ever given to somebody else), what
people allowed, blocked accounts and the hashes of API keys. All of it is as it was at
one moment; the provider serves on. FILE may be - for standard output.

Sessions, sign-ins under way and grants are left out, so that after a restore people sign
in again; so is the audit log. The file is sealed with the first of encryption.keys: keep
those keys elsewhere, since without them it is worth nothing.

Examples:
  idp backup /var/backups/idp-$(date +%F).jsonl
  idp backup - | age -r age1… > idp.age`)
	name := configFlag(o)
	file, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	cfg, store, close, err := target{o, name, new(bool), new(bool)}.database(ctx)
	if err != nil {
		return err
	}
	defer close()
	out, finish, err := createBackup(file[0])
	if err != nil {
		return err
	}
	rows, err := writeBackup(ctx, cfg, store, out)
	if err = errors.Join(err, finish(err == nil)); err != nil {
		return err
	}
	recordBackup(ctx, store, "backup.made", map[string]any{"rows": rows})
	fmt.Fprintf(os.Stderr, "%d rows. Try it: idp restore --dry-run %s\n", rows, file[0])
	return nil
}

// createBackup opens a new file. finish closes it, and removes it unless it is complete.
func createBackup(name string) (out io.Writer, finish func(complete bool) error, err error) {
	if name == toStandardOutput {
		return os.Stdout, func(bool) error { return nil }, nil
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, nil, fmt.Errorf("%s exists and is not replaced: choose another name (%w)", name, idp.ErrConflict)
	}
	if err != nil {
		return nil, nil, err
	}
	return f, func(complete bool) error {
		if !complete {
			return errors.Join(f.Close(), os.Remove(name))
		}
		// Whoever deletes the former backup next must find this one after a power cut.
		err := errors.Join(f.Sync(), f.Close())
		if dir, failed := os.Open(filepath.Dir(name)); failed == nil {
			_ = dir.Sync() // not every file system can
			_ = dir.Close()
		}
		return err
	}, nil
}

func writeBackup(ctx context.Context, cfg *config.Config, store *postgres.Store, out io.Writer) (rows int64, err error) {
	vault, err := keyVault(cfg, store)
	if err != nil {
		return 0, err
	}
	keys, now, err := store.SigningKeys(ctx)
	if err != nil {
		return 0, err
	}
	if err := keyring.Opens(vault.KEKs, keys, now); err != nil {
		return 0, fmt.Errorf("a backup would be of no use: %w", err)
	}
	schema, err := store.Schema(ctx)
	if err != nil {
		return 0, err
	}
	w, err := backup.NewWriter(out, vault.KEKs[0], backup.Header{
		Issuer: cfg.Issuer, Network: cfg.Near.Network, Schema: schema.Applied, Release: version, CreatedAt: now.UTC().Truncate(time.Second),
	})
	if err != nil {
		return 0, err
	}
	if err := store.Backup(ctx, w.Write); err != nil {
		return 0, err
	}
	return w.Close()
}

// recordBackup tells the audit log. A backup of a standby, which takes no rows, is one all the same.
func recordBackup(ctx context.Context, store *postgres.Store, kind string, details map[string]any) {
	details["version"] = version
	if err := store.AppendEvents(ctx, []idp.Event{{Type: kind, Outcome: idp.OutcomeDone, Actor: idp.ActorLocal, Details: details}}); err != nil {
		warn("it is done, and the audit log does not have it: " + err.Error())
	}
}

func runRestore(ctx context.Context, args []string) error {
	o := newOptions("restore", "FILE", `
Fills an empty database with what a backup holds, in one transaction, so that the
provider goes on as the same one: tokens verify, applications keep their secrets, and
people their "sub" and what they allowed. They sign in again. FILE may be - for
standard input.

The database must have its schema (idp migrate up) and nothing else; issuer and network
must be those of the backup, and encryption.keys must open it and its signing keys. A file that was
cut off or changed is refused. --dry-run checks the file and needs no database.

Examples:
  idp migrate up && idp restore /var/backups/idp-2026-11-22.jsonl
  idp restore --dry-run /var/backups/idp-2026-11-22.jsonl`)
	name, dry := configFlag(o), o.dryRunFlag()
	file, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	in := os.Stdin
	if file[0] != toStandardOutput {
		if in, err = os.Open(file[0]); err != nil {
			return err
		}
		defer in.Close()
	}
	if *dry {
		cfg, err := loadConfig(*name)
		if err != nil {
			return err
		}
		return tryBackup(cfg, in)
	}
	cfg, store, close, err := target{o, name, new(bool), new(bool)}.database(ctx)
	if err != nil {
		return err
	}
	defer close()
	return restore(ctx, cfg, store, in)
}

func restore(ctx context.Context, cfg *config.Config, store *postgres.Store, in io.Reader) error {
	schema, err := store.Schema(ctx)
	if err != nil {
		return err
	}
	r, err := openBackup(cfg, in)
	if err != nil {
		return err
	}
	if r.Header.Schema > schema.Applied {
		return fmt.Errorf("the backup is of a database at migration %d, and this one is at %d: run `idp migrate up` of the release that wrote it (%s), or of a later one", r.Header.Schema, schema.Applied, r.Header.Release)
	}
	rows, err := store.Restore(ctx, r.next)
	if err != nil {
		return err
	}
	recordBackup(ctx, store, "backup.restored", map[string]any{"rows": r.Rows, "made_at": r.Header.CreatedAt, "made_by": r.Header.Release})
	fmt.Printf("Restored, as of %s:", moment(r.Header.CreatedAt))
	for _, table := range slices.Sorted(maps.Keys(rows)) {
		fmt.Printf(" %d %s", rows[table], strings.ReplaceAll(table, "_", " "))
	}
	fmt.Println(".")
	return nil
}

func tryBackup(cfg *config.Config, in io.Reader) error {
	r, err := openBackup(cfg, in)
	if err != nil {
		return err
	}
	for err == nil {
		_, err = r.next()
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	fmt.Printf("The backup of %s is whole: %d rows, as of %s, and encryption.keys opens its signing keys.\n", shown(r.Header.Issuer), r.Rows, moment(r.Header.CreatedAt))
	return nil
}

// A backupFile is a backup of the configured provider, with its signing keys looked at.
type backupFile struct {
	*backup.Reader
	keks  []keyring.KEK
	table string
	keys  []idp.SigningKey
}

// openBackup reads the header, and refuses the backup of another provider.
func openBackup(cfg *config.Config, in io.Reader) (*backupFile, error) {
	vault, err := keyVault(cfg, nil)
	if err != nil {
		return nil, err
	}
	keys := make([]backup.Key, len(vault.KEKs))
	for i, kek := range vault.KEKs {
		keys[i] = kek
	}
	r, err := backup.NewReader(in, keys)
	if err != nil {
		return nil, err
	}
	if r.Header.Issuer != cfg.Issuer || r.Header.Network != cfg.Near.Network {
		return nil, fmt.Errorf("the backup is of %q on %q, and the configuration says %q on %q: relying parties know each person by issuer and sub together, so restore it under its own",
			r.Header.Issuer, r.Header.Network, cfg.Issuer, cfg.Near.Network)
	}
	return &backupFile{Reader: r, keks: vault.KEKs}, nil
}

// next is the reader's, and in the end refuses keys that no encryption key opens: the provider
// would not start with them.
func (b *backupFile) next() (idp.BackupLine, error) {
	line, err := b.Next()
	switch {
	case errors.Is(err, io.EOF):
		if problem := keyring.Opens(b.keks, b.keys, time.Now()); problem != nil {
			return line, problem
		}
	case err != nil:
	case line.Row == nil:
		b.table = line.Table
	case b.table == "signing_keys":
		key, failed := savedKey(line.Row)
		b.keys, err = append(b.keys, key), failed
	}
	return line, err
}

// savedKey reads what of a key's row tells whether it can be opened.
func savedKey(row []byte) (key idp.SigningKey, err error) {
	var in struct {
		KID, Alg, Wrapped string
		ExpiresAt         *time.Time `json:"expires_at"`
		RetiresAt         *time.Time `json:"retires_at"`
	}
	if err := json.Unmarshal(row, &in); err != nil {
		return key, fmt.Errorf("the backup is damaged, a signing key is: %w", err)
	}
	key.KID, key.Alg = in.KID, in.Alg
	if key.Wrapped, err = hex.DecodeString(strings.TrimPrefix(in.Wrapped, `\x`)); err != nil {
		return key, fmt.Errorf("the backup is damaged, signing key %q is: %w", in.KID, err)
	}
	if in.ExpiresAt != nil && in.RetiresAt != nil {
		key.ExpiresAt, key.RetiresAt = *in.ExpiresAt, *in.RetiresAt
	}
	return key, nil
}
