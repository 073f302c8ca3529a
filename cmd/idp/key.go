package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"near-idp/internal/demo"
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
	if *t.dev {
		key, err := demo.LoadKey(filepath.Join(cfg.Database.DataDir, devKeyFile))
		if err != nil {
			close()
			return nil, err
		}
		cfg.Encryption.Keys = []idp.Secret{key}
	}
	keys, err := keyVault(cfg, store)
	if err != nil {
		close()
		return nil, err
	}
	return &vault{keys, close}, nil
}

// A keyOutput is a key as it is shown. It has no secret part.
type keyOutput struct {
	KID         string    `json:"kid"`
	Alg         string    `json:"alg"`
	State       string    `json:"state"` // next, active, retired, or off: its algorithm is not in signing.algs
	CreatedAt   time.Time `json:"created_at"`
	ActivatesAt time.Time `json:"activates_at"`
	RetiresAt   time.Time `json:"retires_at,omitzero"`
	ExpiresAt   time.Time `json:"expires_at,omitzero"`
}

func (v *vault) show(k idp.SigningKey, now time.Time) keyOutput {
	out := keyOutput{k.KID, k.Alg, string(k.State(now)), k.CreatedAt.UTC(), k.ActivatesAt.UTC(), k.RetiresAt.UTC(), k.ExpiresAt.UTC()}
	if k.RetiresAt.IsZero() {
		out.RetiresAt, out.ExpiresAt = time.Time{}, time.Time{}
		if k.Alg != algMAC && !slices.Contains(v.Algs, k.Alg) {
			out.State = "off"
		}
	}
	return out
}

// list returns the keys by algorithm, those of each from the next to the oldest.
func (v *vault) list(ctx context.Context) ([]keyOutput, error) {
	keys, now, err := v.Store.SigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	list := []keyOutput{}
	for _, k := range keys {
		if k.State(now) != idp.KeyExpired {
			list = append(list, v.show(k, now))
		}
	}
	place := func(alg string) int {
		if i := slices.Index(v.Algs, alg); i >= 0 {
			return i
		}
		return len(v.Algs)
	}
	slices.SortStableFunc(list, func(a, b keyOutput) int {
		return cmp.Or(place(a.Alg)-place(b.Alg), strings.Compare(a.Alg, b.Alg))
	})
	return list, nil
}

func writeKeys(w io.Writer, list []keyOutput) {
	fmt.Fprintln(w, "KID\tALG\tSTATE\tSIGNS FROM\tSIGNS UNTIL\tKEPT UNTIL")
	for _, k := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", shown(k.KID), shown(k.Alg), k.State,
			moment(k.ActivatesAt), moment(k.RetiresAt), moment(k.ExpiresAt))
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
key makes codes and refresh tokens and is never published.

Examples:
  idp key list
  idp key list -o json`)
	t, out := o.targetFlags(), o.formatFlag()
	if err := o.Parse(args); err != nil {
		return err
	}
	cfg, store, close, err := t.database(ctx)
	if err != nil {
		return err
	}
	defer close()
	// Looking needs no encryption key.
	v := &vault{keyring.Vault{Store: store, Algs: cfg.Signing.Algs}, close}
	list, err := v.list(ctx)
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
	t, out := o.targetFlags(), o.formatFlag()
	if err := o.Parse(args); err != nil {
		return err
	}
	v, err := t.vault(ctx)
	if err != nil {
		return err
	}
	defer v.close()
	algs := append(slices.Clone(v.Algs), algMAC)
	if *alg != "" {
		if !slices.Contains(algs, *alg) {
			return usage(o.Name(), "--alg %q is not one of signing.algs (%s) or %s", *alg, strings.Join(v.Algs, ", "), algMAC)
		}
		algs = []string{*alg}
	}
	list, err := v.rotate(ctx, algs, *atOnce)
	if err != nil {
		return err
	}
	return out.print(list, func(w io.Writer) { writeKeys(w, list) })
}

// rotate returns the successors. That there was one already is an error only
// if nothing else was done.
func (v *vault) rotate(ctx context.Context, algs []string, atOnce bool) ([]keyOutput, error) {
	var fresh []idp.SigningKey
	var waiting error
	for _, alg := range algs {
		k, err := v.Rotate(ctx, alg, atOnce)
		switch {
		case err == nil:
			fresh = append(fresh, k)
		case errors.Is(err, idp.ErrConflict):
			waiting = errors.Join(waiting, fmt.Errorf("%w; --now lets it sign at once", err))
		default:
			return nil, err
		}
	}
	if len(fresh) == 0 {
		return nil, waiting
	}
	if waiting != nil {
		fmt.Fprintln(os.Stderr, "idp: warning: "+strings.ReplaceAll(waiting.Error(), "\n", "\n     "))
	}
	if atOnce {
		warn("relying parties that keep a copy of the JWKS and do not fetch it again for a new kid refuse what the new keys sign until their copy is renewed")
		if err := handover(ctx); err != nil {
			return nil, err
		}
	}
	_, now, err := v.Store.SigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]keyOutput, len(fresh))
	for i, k := range fresh {
		list[i] = v.show(k, now)
	}
	return list, nil
}

func warn(text string) { fmt.Fprintln(os.Stderr, "idp: warning: "+text) }

// handover waits until keys that were to sign at once do.
func handover(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(keyring.Handover):
		return nil
	}
}
