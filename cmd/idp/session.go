package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"

	"near-idp/internal/idp"
)

func runSessionEnd(ctx context.Context, args []string) error {
	o := newOptions("session end", "ACCOUNT", `
Signs an account out everywhere, at once: its sessions in every browser end, what
applications were granted is revoked, offline access included, and applications that
have a backchannel_logout_uri are told by the running provider. Nothing keeps the
account from signing in again.

Examples:
  idp session end alice.near
  idp session end alice.near -o json`)
	t, out, dry := o.targetFlags(), o.formatFlag(), o.dryRunFlag()
	account, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	a, err := t.api(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	done, err := a.endOf(ctx, "DELETE", accountPath(account[0])+"/sessions", account[0], nil, *dry)
	if err != nil {
		return err
	}
	return out.print(done, func(w io.Writer) {
		switch {
		case *dry:
			fmt.Fprintf(w, "%s would be signed out of %s; nothing was changed.\n", shown(account[0]), browsers(done.Ended))
		case done.Ended == 0:
			fmt.Fprintf(w, "%s has no session; what applications were granted is revoked.\n", shown(account[0]))
		default:
			fmt.Fprintf(w, "%s is signed out of %s and every application.\n", shown(account[0]), browsers(done.Ended))
		}
	})
}

func runSessionList(ctx context.Context, args []string) error {
	o := newOptions("session list", "ACCOUNT", `
Lists the live sessions of an account, the newest first: one for each browser that it is
signed in with, by which key, and when it ends if nobody uses it.

Examples:
  idp session list alice.near
  idp session list alice.near -o json`)
	return listOf(ctx, o, args, "sessions", "has no session", writeSessions)
}

func writeSessions(w io.Writer, list []idp.AccountSession) {
	fmt.Fprintln(w, "SID\tSUBJECT\tKEY\tSIGNED IN\tENDS")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.SID, shown(s.Subject), shown(s.PublicKey), moment(s.AuthTime.UTC()), until(s.IdleExpires, s.ExpiresAt))
	}
}

func runSessionRevoke(ctx context.Context, args []string) error {
	o := newOptions("session revoke", "ACCOUNT SID", `
Ends one session of an account at once, with all that was granted in it. "idp session
list" shows the SIDs; "idp session end" ends them all.

Examples:
  idp session revoke alice.near 4XQ2M7ZKDUVPLAEJ5H6WCTYRSB`)
	return o.act(ctx, args, 2, "DELETE", func(ids []string) (path, did, would string) {
		name := fmt.Sprintf("Session %s of %s", shown(ids[1]), shown(ids[0]))
		return accountPath(ids[0]) + "/sessions/" + url.PathEscape(ids[1]), name + " is ended.", name + " can be ended"
	})
}

func runGrantList(ctx context.Context, args []string) error {
	o := newOptions("grant list", "ACCOUNT", `
Lists the live grants of an account, the newest first: which application may get tokens
for it, with which scopes, and until when.

Examples:
  idp grant list alice.near
  idp grant list alice.near -o json`)
	return listOf(ctx, o, args, "grants", "granted nothing that is still live", writeGrants)
}

func writeGrants(w io.Writer, list []idp.AccountGrant) {
	fmt.Fprintln(w, "GRANT\tAPPLICATION\tSCOPES\tAUDIENCE\tMADE\tLAST USED\tENDS")
	for _, g := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", g.ID, shown(g.ClientID), words(g.Scopes), words(g.Audience),
			moment(g.CreatedAt.UTC()), moment(g.LastUsed.UTC()), until(g.ExpiresAt))
	}
}

// words shows a list in one cell of a table.
func words(list []string) string {
	if len(list) == 0 {
		return "-"
	}
	return shown(strings.Join(list, " "))
}

func runGrantRevoke(ctx context.Context, args []string) error {
	o := newOptions("grant revoke", "ACCOUNT GRANT", `
Ends one grant of an account at once, and every token that came of it. The application
gets new ones when the person signs in to it again. "idp grant list" shows the grants.

Examples:
  idp grant revoke alice.near 4XQ2M7ZKDUVPLAEJ5H6WCTYRSB`)
	return o.act(ctx, args, 2, "DELETE", func(ids []string) (path, did, would string) {
		name := fmt.Sprintf("Grant %s of %s", shown(ids[1]), shown(ids[0]))
		return accountPath(ids[0]) + "/grants/" + url.PathEscape(ids[1]), name + " is revoked.", name + " can be revoked"
	})
}
