package main

import (
	"context"
	"fmt"
	"io"
)

// sessionsEnded is what came of "session end".
type sessionsEnded struct {
	Account string `json:"account"`
	Ended   int    `json:"ended"` // sessions that had not ended before
}

func runSessionEnd(ctx context.Context, args []string) error {
	o := newOptions("session end", "ACCOUNT", `
Signs an account out everywhere, at once: its sessions in every browser end, what
applications were granted is revoked, offline access included, and applications that
have a backchannel_logout_uri are told by the running provider. Nothing keeps the
account from signing in again.

Examples:
  idp session end alice.near
  idp session end alice.near -o json`)
	t, out := o.targetFlags(), o.formatFlag()
	account, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	cfg, store, close, err := t.database(ctx)
	if err != nil {
		return err
	}
	defer close()
	n, err := store.EndSessionsOf(ctx, cfg.Near.Network, account[0])
	if err != nil {
		return fmt.Errorf("end sessions of %q: %w", account[0], err)
	}
	return out.print(sessionsEnded{account[0], n}, func(w io.Writer) {
		switch n {
		case 0:
			fmt.Fprintf(w, "%s has no session; what applications were granted is revoked.\n", shown(account[0]))
		case 1:
			fmt.Fprintf(w, "%s is signed out of 1 browser and every application.\n", shown(account[0]))
		default:
			fmt.Fprintf(w, "%s is signed out of %d browsers and every application.\n", shown(account[0]), n)
		}
	})
}
