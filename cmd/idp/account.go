package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"near-idp/internal/idp"
)

func accountPath(id string) string { return "/admin/v1/accounts/" + url.PathEscape(id) }

// sessionsEnded is what came of ending what an account has.
type sessionsEnded struct {
	Account string `json:"account"`
	Ended   int    `json:"ended"` // sessions that had not ended before
}

// endOf ends what an account has, by one request, and says how many sessions that ended.
func (a *api) endOf(ctx context.Context, method, path, account string, in any, dry bool) (sessionsEnded, error) {
	var done struct {
		Sessions int `json:"sessions_ended"`
	}
	err := a.do(ctx, method, path+dryRun(dry), in, &done)
	return sessionsEnded{account, done.Sessions}, err
}

// browsers is how people count sessions.
func browsers(n int) string {
	if n == 1 {
		return "1 browser"
	}
	return fmt.Sprintf("%d browsers", n)
}

func runAccountShow(ctx context.Context, args []string) error {
	o := newOptions("account show", "ACCOUNT", `
Shows all that there is here of a NEAR account: whether it is blocked, by which subjects
applications know it, what it allowed them, its sessions, and what applications hold.

Examples:
  idp account show alice.near
  idp account show alice.near -o json`)
	t, out := o.targetFlags(), o.formatFlag()
	id, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	a, err := t.api(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	var found idp.Account
	if err := a.do(ctx, "GET", accountPath(id[0]), nil, &found); err != nil {
		return err
	}
	return out.print(found, func(w io.Writer) { writeAccount(w, &found) })
}

func writeAccount(w io.Writer, found *idp.Account) {
	blocked := "no"
	if b := found.Blocked; b != nil {
		blocked = fmt.Sprintf("since %s: %s", moment(b.CreatedAt), shown(b.Reason))
	}
	fmt.Fprintf(w, "account\t%s\nnetwork\t%s\nblocked\t%s\n", shown(found.AccountID), found.Network, blocked)
	if len(found.Subjects) > 0 {
		fmt.Fprintln(w, "\nSUBJECT\tFIRST SEEN\tLAST SIGN-IN\tCLOSED")
	}
	for _, s := range found.Subjects {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", shown(s.Subject), moment(s.CreatedAt.UTC()), moment(s.LastLoginAt.UTC()), moment(s.ClosedAt))
	}
	if len(found.Consents) > 0 {
		fmt.Fprintln(w, "\nALLOWED\tSCOPES\tRESOURCES\tAT")
	}
	for _, c := range found.Consents {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", shown(c.ClientID), words(c.Scopes), words(c.Resources), moment(c.GrantedAt))
	}
	if len(found.Sessions) > 0 {
		fmt.Fprintln(w)
		writeSessions(w, found.Sessions)
	}
	if len(found.Grants) > 0 {
		fmt.Fprintln(w)
		writeGrants(w, found.Grants)
	}
}

func runAccountBlock(ctx context.Context, args []string) error {
	o := newOptions("account block", "ACCOUNT", `
Keeps an account out, also one that has never been here: it cannot finish a sign-in, and its
sessions and all that applications were granted end at once. The reason is for
operators alone. Blocking again replaces it. It asks before it does so, and needs
--yes where nobody can answer.

Examples:
  idp account block alice.near --reason "key was stolen"
  idp account block alice.near --reason "key was stolen" --yes
  idp account block alice.near --reason "key was stolen" --dry-run`)
	reason := o.String("reason", "", "`TEXT` that tells operators why")
	return o.endAccount(ctx, args, "block", "is kept out", func(account string) (any, error) {
		if *reason == "" {
			return nil, usage(o.Name(), "--reason is missing: tell other operators why %s is kept out", shown(account))
		}
		return map[string]string{"reason": *reason}, nil
	})
}

func runAccountRevoke(ctx context.Context, args []string) error {
	o := newOptions("account revoke", "ACCOUNT", `
Ends all that an account has here, its sessions and what applications were granted, and
forgets what it allowed them. It may sign in again, and is asked for consent again.
It asks before it does so, and needs --yes where nobody can answer.

Examples:
  idp account revoke alice.near
  idp account revoke alice.near --yes
  idp account revoke alice.near --dry-run`)
	return o.endAccount(ctx, args, "revoke", "is asked for consent again when it signs in", func(string) (any, error) { return nil, nil })
}

// endAccount does what a verb of the API does to an account, which ends all it has.
func (o *options) endAccount(ctx context.Context, args []string, verb, result string, body func(account string) (any, error)) error {
	yes := o.Bool("yes", false, "do not ask")
	t, out, dry := o.targetFlags(), o.formatFlag(), o.dryRunFlag()
	id, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	in, err := body(id[0])
	if err != nil {
		return err
	}
	a, err := t.api(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	if !*yes && !*dry {
		if err := confirm(o.Name(), verb, id[0], "Its sessions and all that applications hold of it end."); err != nil {
			return err
		}
	}
	done, err := a.endOf(ctx, "POST", accountPath(id[0])+":"+verb, id[0], in, *dry)
	if err != nil {
		return err
	}
	return out.print(done, func(w io.Writer) {
		if *dry {
			fmt.Fprintf(w, "%s would be signed out of %s; nothing was changed.\n", shown(id[0]), browsers(done.Ended))
			return
		}
		fmt.Fprintf(w, "%s %s; it is signed out of %s and every application.\n", shown(id[0]), result, browsers(done.Ended))
	})
}

func runAccountUnblock(ctx context.Context, args []string) error {
	o := newOptions("account unblock", "ACCOUNT", `
Ends what "idp account block" began. What ended then stays ended: the account signs in
anew.

Examples:
  idp account unblock alice.near`)
	return o.act(ctx, args, 1, "POST", func(ids []string) (path, did, would string) {
		return accountPath(ids[0]) + ":unblock", shown(ids[0]) + " may sign in again.", shown(ids[0]) + " can be let in again"
	})
}

// act sends a request that answers nothing, about what some arguments name, and says what came of it.
func (o *options) act(ctx context.Context, args []string, n int, method string, about func(ids []string) (path, did, would string)) error {
	t, dry := o.targetFlags(), o.dryRunFlag()
	ids, err := o.parse(args, n, n)
	if err != nil {
		return err
	}
	a, err := t.api(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	path, did, would := about(ids)
	if err := a.do(ctx, method, path+dryRun(*dry), nil, nil); err != nil {
		return err
	}
	if *dry {
		did = would + "; nothing was changed."
	}
	fmt.Println(did)
	return nil
}

// listOf shows the items of a list that an account has.
func listOf[T any](ctx context.Context, o *options, args []string, name, none string, table func(io.Writer, []T)) error {
	t, out := o.targetFlags(), o.formatFlag()
	id, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	a, err := t.api(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	var page struct{ Items []T }
	if err := a.do(ctx, "GET", accountPath(id[0])+"/"+name, nil, &page); err != nil {
		return err
	}
	return out.print(page.Items, func(w io.Writer) {
		if len(page.Items) == 0 {
			fmt.Fprintf(w, "%s %s.\n", shown(id[0]), none)
			return
		}
		table(w, page.Items)
	})
}

// until is when something ends at the latest.
func until(times ...time.Time) string {
	least := time.Time{}
	for _, at := range times {
		if least.IsZero() || at.Before(least) {
			least = at
		}
	}
	return moment(least.UTC())
}
