package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"near-idp/internal/idp"
)

// A retirement is what came of retiring a key.
type retirement struct {
	KID       string     `json:"kid"`
	Deleted   bool       `json:"deleted"`           // it is in no JWKS any more
	Key       *keyOutput `json:"key,omitempty"`     // unless it is deleted
	Successor *keyOutput `json:"signing,omitempty"` // what signs in its place
}

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
	t, out := o.targetFlags(), o.formatFlag()
	kid, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	v, err := t.vault(ctx)
	if err != nil {
		return err
	}
	defer v.close()
	r, err := v.retire(ctx, kid[0], *compromised)
	if errors.Is(err, idp.ErrNotFound) || errors.Is(err, idp.ErrConflict) {
		return fmt.Errorf("%w; `idp key list` shows those that exist", err)
	}
	if err != nil {
		return err
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

func (v *vault) retire(ctx context.Context, kid string, compromised bool) (retirement, error) {
	r := retirement{KID: kid}
	before, _, err := v.Store.SigningKeys(ctx)
	if err != nil {
		return r, err
	}
	successor, err := v.Retire(ctx, kid, compromised)
	if err != nil {
		return r, err
	}
	if i := slices.IndexFunc(before, func(k idp.SigningKey) bool { return k.KID == kid }); compromised && i >= 0 && before[i].Alg == algMAC {
		warn("codes and refresh tokens made with this key are worthless: people sign in again")
	}
	if r.Key, r.Successor, err = v.pair(ctx, kid, successor.KID); err != nil {
		return r, err
	}
	if r.Key != nil && r.Key.State == string(idp.KeyActive) {
		if err := handover(ctx); err != nil {
			return r, err
		}
		r.Key, r.Successor, err = v.pair(ctx, kid, successor.KID)
	}
	r.Deleted = r.Key == nil
	return r, err
}

// pair returns two keys as they are now, nil for what is not there.
func (v *vault) pair(ctx context.Context, one, other string) (a, b *keyOutput, err error) {
	list, err := v.list(ctx)
	for i := range list {
		switch list[i].KID {
		case one:
			a = &list[i]
		case other:
			b = &list[i]
		}
	}
	return a, b, err
}
