package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A report is the table that is printed in the end.
type report struct {
	conditions []string
	rows       []row
}

type row struct{ name, value, target, verdict string }

const missed = "MISSED"

// section begins a group of rows.
func (r *report) section(title string) { r.rows = append(r.rows, row{name: title}) }

// line adds a figure without a target.
func (r *report) line(name, format string, values ...any) {
	r.rows = append(r.rows, row{name: "  " + name, value: fmt.Sprintf(format, values...)})
}

// atMost adds a figure that may not exceed limit; format writes both.
func (r *report) atMost(name string, value, limit float64, format string) {
	verdict := "ok"
	if value > limit {
		verdict = missed
	}
	r.rows = append(r.rows, row{"  " + name, fmt.Sprintf(format, value), "≤ " + fmt.Sprintf(format, limit), verdict})
}

// missed returns the names of the figures that miss their targets.
func (r *report) missed() []string {
	var names []string
	section := ""
	for _, row := range r.rows {
		if row.value == "" {
			section = row.name
		}
		if row.verdict == missed {
			names = append(names, section+": "+strings.TrimSpace(row.name))
		}
	}
	return names
}

func (r *report) print(w io.Writer) {
	for _, condition := range r.conditions {
		fmt.Fprintln(w, condition)
	}
	var text bytes.Buffer
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	for _, row := range r.rows {
		if row.value == "" {
			fmt.Fprintln(table, "\t\t\t")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", row.name, row.value, row.target, row.verdict)
	}
	table.Flush()
	for line := range strings.Lines(text.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
	if names := r.missed(); len(names) > 0 {
		fmt.Fprintf(w, "\nTargets missed: %s\n", strings.Join(names, "; "))
		return
	}
	fmt.Fprintln(w, "\nEvery target is met.")
}

// quantile returns the least of times that a share q of them stays within; 0
// of none. It sorts times.
func quantile(times []time.Duration, q float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[max(0, int(math.Ceil(q*float64(len(times))))-1)]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
