package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"near-idp/internal/audit"
	"near-idp/internal/idp"
)

// eventFlags are the flags that select events.
type eventFlags struct {
	options      *options
	filter       idp.EventFilter
	since, until string
}

func (o *options) eventFlags() *eventFlags {
	f := &eventFlags{options: o}
	o.StringVar(&f.filter.ClientID, "client", "", "only those of the application with this `ID`")
	o.StringVar(&f.filter.AccountID, "account", "", "only those of this NEAR `ACCOUNT`")
	o.StringVar(&f.filter.Type, "type", "", "only those whose type begins with `TYPE`, such as login. or token.refused")
	o.StringVar(&f.filter.Outcome, "outcome", "", "only those with this `OUTCOME`: done, refused or failed")
	o.StringVar(&f.filter.Actor, "actor", "", "only those of administrators whose name begins with `ACTOR`, such as key: or account:alice.near")
	o.StringVar(&f.filter.RequestID, "request", "", "only those of the request with this `ID`, which every error page shows")
	return f
}

// read completes the filter.
func (f *eventFlags) read(now time.Time) (idp.EventFilter, error) {
	outcomes := []string{idp.OutcomeDone, idp.OutcomeRefused, idp.OutcomeFailed}
	if o := f.filter.Outcome; o != "" && !slices.Contains(outcomes, o) {
		return f.filter, usage(f.options.Name(), "--outcome %q is none of %s", o, strings.Join(outcomes, ", "))
	}
	var err error
	if f.filter.Since, err = f.moment("since", f.since, now); err != nil {
		return f.filter, err
	}
	f.filter.Until, err = f.moment("until", f.until, now)
	return f.filter, err
}

// moment reads a time, a day in UTC, or how long ago.
func (f *eventFlags) moment(name, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := idp.ParseDuration(text); err == nil {
		return now.Add(-ago.Std()), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage(f.options.Name(), "--%s %q is no time: write for example 12h or 7d for so long ago, 2026-01-31 or 2026-01-31T12:00:00Z", name, text)
}

func runAuditQuery(ctx context.Context, args []string) error {
	o := newOptions("audit query", "", `
Lists recorded events, the newest first: what people, applications and
administrators did, and what was refused with the reason. The request id that an
error page shows leads to its event.

Examples:
  idp audit query --request 7KWX3ZHLQXZPFHPDMFNVQ3TGJY
  idp audit query --client grafana --outcome refused --since 1d
  idp audit query --account alice.near --type login.
  idp audit query --type client. --since 2026-01-01 -o json`)
	f := o.eventFlags()
	o.StringVar(&f.since, "since", "", "only those since `TIME`: 12h or 7d for so long ago, 2026-01-31, or 2026-01-31T12:00:00Z")
	o.StringVar(&f.until, "until", "", "only those before `TIME`")
	o.IntVar(&f.filter.Limit, "limit", audit.DefaultLimit, "at most `N` events")
	t, out := o.targetFlags(), o.formatFlag()
	if err := o.Parse(args); err != nil {
		return err
	}
	if n := f.filter.Limit; n < 1 {
		return usage(o.Name(), "--limit %d is not a number of events", n)
	}
	filter, err := f.read(time.Now())
	if err != nil {
		return err
	}
	a, err := t.api(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	list, err := a.events(ctx, filter)
	if err != nil {
		return err
	}
	return out.print(list, func(w io.Writer) {
		if len(list) == 0 {
			fmt.Fprintln(w, "No such event is recorded.")
			return
		}
		writeEventHeading(w)
		for _, e := range list {
			writeEvent(w, e)
		}
	})
}

func runAuditTail(ctx context.Context, args []string) error {
	o := newOptions("audit tail", "", `
Prints the latest events, the oldest of them first, and with -f goes on with each
that is recorded until it is interrupted. -o json prints one object on each line.

Examples:
  idp audit tail
  idp audit tail -f --outcome refused
  idp audit tail -f --client grafana -o json`)
	const latest = 20
	f := o.eventFlags()
	o.IntVar(&f.filter.Limit, "n", latest, "begin with the latest `N` events")
	follow := o.Bool("f", false, "go on with those to come")
	t, out := o.targetFlags(), o.formatFlag()
	if err := o.Parse(args); err != nil {
		return err
	}
	if n := f.filter.Limit; n < 1 || n > audit.MaxLimit {
		return usage(o.Name(), "-n %d is not between 1 and %d", n, audit.MaxLimit)
	}
	filter, err := f.read(time.Now())
	if err != nil {
		return err
	}
	a, err := t.api(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	list, err := a.events(ctx, filter)
	if err != nil {
		return err
	}
	slices.Reverse(list)
	p := &eventPrinter{out: os.Stdout, json: *out == "json"}
	if err := p.print(list...); err != nil || !*follow {
		return err
	}
	after := int64(-1)
	if len(list) > 0 {
		after = list[len(list)-1].ID
	}
	err = a.follow(ctx, filter, after, func(e idp.Event) error { return p.print(e) })
	if ctx.Err() != nil { // interrupted, as it is meant to be
		return nil
	}
	return err
}

// An eventPrinter writes events as they come.
type eventPrinter struct {
	out    io.Writer
	json   bool
	headed bool
}

func (p *eventPrinter) print(list ...idp.Event) error {
	if p.json {
		enc := json.NewEncoder(p.out)
		enc.SetEscapeHTML(false)
		for _, e := range list {
			if err := enc.Encode(e); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	if !p.headed {
		writeEventHeading(w)
		p.headed = true
	}
	for _, e := range list {
		writeEvent(w, e)
	}
	return w.Flush()
}

func writeEventHeading(w io.Writer) {
	fmt.Fprintln(w, "TIME\tTYPE\tAPPLICATION\tACCOUNT\tBY\tREQUEST\tWHAT")
}

func writeEvent(w io.Writer, e idp.Event) {
	by := e.Actor
	if by == "" {
		by = e.Address
	}
	row := []string{e.Time.Format("2006-01-02 15:04:05Z"), e.Type, e.ClientID, e.AccountID, by, e.RequestID, what(e)}
	for i, text := range row {
		if row[i] = shown(text); text == "" {
			row[i] = "-"
		}
	}
	fmt.Fprintln(w, strings.Join(row, "\t"))
}

// what says in one sentence what of an event matters most.
func what(e idp.Event) string {
	text := func(name string) string { value, _ := e.Details[name].(string); return value }
	var parts []string
	for _, part := range []struct{ before, text string }{
		{"", e.Reason}, {"", text("cause")}, {"expected ", text("expected")}, {"given ", text("given")},
	} {
		if part.text != "" && (part.before == "" || text("nearest") == "") {
			parts = append(parts, part.before+part.text)
		}
	}
	switch {
	case text("cause") == "" && text("description") != "":
		parts = append(parts, text("description"))
	case len(parts) == 0 && len(e.Details) > 0:
		if details, err := json.Marshal(e.Details); err == nil {
			return string(details)
		}
	}
	return strings.Join(parts, "; ")
}
