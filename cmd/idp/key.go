package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/keyring"
)

// algMAC is the algorithm of the key behind codes and refresh tokens. It is never published.
const algMAC = "HS256"

// A vault is the signing keys of one provider as the command line changes them.
type vault struct {
	keyring.Vault
	close func()
}

// vault opens the target's signing keys. The caller calls close.
func (t target) vault(ctx context.Context) (*vault, error) {
	cfg, store, close, err := t.database(ctx)
	if err != nil {
		return nil, err
	}
	if err := t.openKeys(cfg); err != nil {
		close()
		return nil, err
	}
	keys, err := keyVault(cfg, store)
	if err != nil {
		close()
		return nil, err
	}
	return &vault{keys, close}, nil
}

func writeKeys(w io.Writer, list []keyring.KeyInfo) {
	fmt.Fprintln(w, "KID\tALG\tSTATE\tSIGNS FROM\tSIGNS UNTIL\tKEPT UNTIL\tENCRYPTION KEY")
	for _, k := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", shown(k.KID), shown(k.Alg), k.State,
			moment(k.ActivatesAt), moment(k.RetiresAt), moment(k.ExpiresAt), shown(k.EncryptionKey))
	}
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format("2006-01-02 15:04:05Z")
}

func runKeyList(ctx context.Context, args []string) error {
	o := newOptions("key list", "", `
Lists the signing keys. "next" is published so that relying parties know it
before it signs, "active" signs, "retired" is published until what it signed has
expired, and "off" belongs to an algorithm that is not in signing.algs. The HS256
key makes codes and refresh tokens and is never published. The last column names the one of
encryption.keys that protects a key in the database, by its fingerprint.

Examples:
  idp key list
  idp key list -o json`)
	t, out := o.targetFlags(), o.formatFlag()
	if err := o.Parse(args); err != nil {
		return err
	}
	list, err := t.keys(ctx)
	if err != nil {
		return err
	}
	return out.print(list, func(w io.Writer) {
		if len(list) == 0 {
			fmt.Fprintln(w, "There is no key. The first start of idp serve makes them.")
			return
		}
		writeKeys(w, list)
	})
}

func runKeyRotate(ctx context.Context, args []string) error {
	o := newOptions("key rotate", "", `
Publishes a successor of each signing key, or with --alg of one. It begins to
sign after signing.publish_before, when relying parties have it. Keys rotate by
themselves after signing.rotate_every; nothing needs this command.

--now lets the successors sign at once: a waiting one is hastened, and the command
returns when they sign. The former keys stay published. If one is in the wrong
hands, run: idp key retire KID --compromised

Examples:
  idp key rotate
  idp key rotate --alg ES256
  idp key rotate --now`)
	alg := o.String("alg", "", "only the key of `ALG`: one of signing.algs, or HS256 for codes and refresh tokens")
	atOnce := o.Bool("now", false, "sign with the successor at once, an emergency measure")
	t, out, dry := o.targetFlags(), o.formatFlag(), o.dryRunFlag()
	if err := o.Parse(args); err != nil {
		return err
	}
	list, waiting, err := t.rotateKeys(ctx, *alg, *atOnce, *dry)
	if errors.Is(err, idp.ErrConflict) {
		return hint(err)
	}
	if err != nil {
		return err
	}
	if *dry {
		fmt.Println("A successor can be made; nothing was changed.")
		return nil
	}
	if waiting != nil {
		warn(strings.ReplaceAll(hint(waiting).Error(), "\n", "\n     "))
	}
	if *atOnce {
		warn("relying parties that keep a copy of the JWKS and do not fetch it again for a new kid refuse what the new keys sign until their copy is renewed")
	}
	return out.print(list, func(w io.Writer) { writeKeys(w, list) })
}

// hint adds to an error what to do about it.
func hint(err error) error { return fmt.Errorf("%w; --now lets it sign at once", err) }

func warn(text string) { fmt.Fprintln(os.Stderr, "idp: warning: "+text) }
