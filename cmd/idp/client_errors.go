package main

import (
	"context"
	"fmt"
	"io"

	"near-idp/internal/idp"
)

func runClientErrors(ctx context.Context, args []string) error {
	o := newOptions("client errors", "ID", `
Lists the last 50 requests of an application that were refused, the newest first: when,
the request id that its error page showed, the reason, and what was expected.

Examples:
  idp client errors grafana
  idp client errors grafana -o json`)
	t, out := o.targetFlags(), o.formatFlag()
	id, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	var page struct{ Items []idp.Event }
	if err := t.call(ctx, "GET", clientPath(id[0])+"/errors", nil, &page); err != nil {
		return suggestList(err)
	}
	return out.print(page.Items, func(w io.Writer) {
		if len(page.Items) == 0 {
			fmt.Fprintf(w, "No request of %s was refused.\n", shown(id[0]))
			return
		}
		fmt.Fprintln(w, "TIME\tREQUEST\tREASON\tWHAT")
		for _, e := range page.Items {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", moment(e.Time.UTC()), shown(e.RequestID), shown(e.Reason), shown(explained(e)))
		}
	})
}

// explained says what was wrong, without the reason that it begins with.
func explained(e idp.Event) string {
	e.Reason = ""
	return what(e)
}
