package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"near-idp/internal/idp"
)

func runKeyRetire(ctx context.Context, args []string) error {
	o := newOptions("key retire", "KID", `
Takes a signing key out of service. One that signs gives way to its successor, if
need be to a new key, and stays published until what it signed has expired. One
that waits for its time is deleted.

--compromised deletes the key whatever it does: it leaves the JWKS, and all that it
signed is refused at once. Relying parties that keep a copy of the JWKS accept what
it signs until their copy is renewed. If the database was read together with an
encryption key, all keys are compromised.

Examples:
  idp key retire yJ0hDPwJ2XVmVj7bTsDY8QTqkHSZhpcRVkLdhYvQJXs
  idp key retire yJ0hDPwJ2XVmVj7bTsDY8QTqkHSZhpcRVkLdhYvQJXs --compromised`)
	compromised := o.Bool("compromised", false, "it is in the wrong hands: make everything that it signed worthless")
	t, out, dry := o.targetFlags(), o.formatFlag(), o.dryRunFlag()
	kid, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	r, err := t.retireKey(ctx, kid[0], *compromised, *dry)
	if errors.Is(err, idp.ErrNotFound) || errors.Is(err, idp.ErrConflict) {
		return fmt.Errorf("%w; `idp key list` shows those that exist", err)
	}
	if err != nil {
		return err
	}
	if *dry {
		fmt.Printf("Key %s can be taken out of service; nothing was changed.\n", kid[0])
		return nil
	}
	if *compromised && (r.MAC || r.Successor != nil && r.Successor.Alg == algMAC) {
		warn("codes and refresh tokens made with this key are worthless: people sign in again")
	}
	return out.print(r, func(w io.Writer) {
		switch {
		case r.Deleted:
			fmt.Fprintf(w, "Key %s is deleted and no longer published.\n", r.KID)
		default:
			fmt.Fprintf(w, "Key %s signs no more and is kept until %s.\n", r.KID, moment(r.Key.ExpiresAt))
		}
		if r.Successor != nil {
			fmt.Fprintf(w, "Key %s signs with %s.\n", r.Successor.KID, r.Successor.Alg)
		}
	})
}
