package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A report is the table that is printed in the end.
type report struct {
	conditions  []string
	rows        []row
	Comparisons []comparison
}

// A row without cells begins a section.
type row struct {
	name            string
	cells           []string
	target, verdict string
}

const missed = "MISSED"

// judge adds a target to a row.
func (l *row) judge(met bool, format string, limit float64) {
	l.target, l.verdict = fmt.Sprintf(format, limit), "ok"
	if !met {
		l.verdict = missed
	}
}

// section begins a group of rows.
func (r *report) section(title string) { r.rows = append(r.rows, row{name: title}) }

// line adds a figure without a target.
func (r *report) line(name, format string, values ...any) {
	r.rows = append(r.rows, row{name: "  " + name, cells: []string{fmt.Sprintf(format, values...)}})
}

// atMost adds a figure that may not exceed limit; format writes both.
func (r *report) atMost(name string, value, limit float64, format string) {
	line := row{name: "  " + name, cells: []string{fmt.Sprintf(format, value)}}
	line.judge(value <= limit, "≤ "+format, limit)
	r.rows = append(r.rows, line)
}

// missed returns the names of the figures that miss their targets.
func (r *report) missed() []string {
	var names []string
	section := ""
	for _, row := range r.rows {
		if len(row.cells) == 0 {
			section = row.name
		}
		if row.verdict == missed {
			names = append(names, section+": "+strings.TrimSpace(row.name))
		}
	}
	return names
}

// A table is a section of the report with its rows.
func (r *report) tables() [][]row {
	var all [][]row
	for _, row := range r.rows {
		if len(row.cells) == 0 || len(all) == 0 {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], row)
	}
	return all
}

func (r *report) print(w io.Writer) {
	for _, condition := range r.conditions {
		fmt.Fprintln(w, condition)
	}
	for _, rows := range r.tables() {
		fmt.Fprintf(w, "\n%s\n", rows[0].name)
		var text bytes.Buffer
		table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
		for _, row := range rows[1:] {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", row.name, strings.Join(row.cells, "\t"), row.target, row.verdict)
		}
		table.Flush()
		for line := range strings.Lines(text.String()) {
			fmt.Fprintln(w, strings.TrimRight(line, " \n"))
		}
	}
	if names := r.missed(); len(names) > 0 {
		fmt.Fprintf(w, "\nTargets missed:\n  %s\n", strings.Join(names, "\n  "))
		return
	}
	fmt.Fprintln(w, "\nEvery target is met.")
}

// markdown prints the report as docs/performance.md has it.
func (r *report) markdown(w io.Writer) {
	for _, condition := range r.conditions {
		fmt.Fprintf(w, "%s\n", condition)
	}
	for _, rows := range r.tables() {
		fmt.Fprintf(w, "\n**%s**\n\n", rows[0].name)
		rows = rows[1:]
		if len(rows) > 0 && strings.TrimSpace(rows[0].name) == "" { // it has heads
			fmt.Fprintf(w, "| | %s | target |\n", strings.Join(rows[0].cells, " | "))
			rows = rows[1:]
		} else {
			fmt.Fprintln(w, "| | | target |")
		}
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(w, "|%s---|\n", strings.Repeat("---|", len(rows[0].cells)+1))
		for _, row := range rows {
			fmt.Fprintf(w, "| %s | %s | %s |\n", strings.TrimSpace(row.name), strings.Join(row.cells, " | "), strings.TrimSpace(row.target+" "+row.verdict))
		}
	}
}

// save writes the report as JSON for programs.
func (r *report) save(file string) error {
	figures := map[string][]string{}
	section := ""
	for _, row := range r.rows {
		if len(row.cells) == 0 {
			section = row.name
		} else if len(row.cells) == 1 {
			figures[section+": "+strings.TrimSpace(row.name)] = []string{row.cells[0], row.target, row.verdict}
		}
	}
	text, err := json.MarshalIndent(map[string]any{
		"at": time.Now().UTC(), "conditions": r.conditions, "comparisons": r.Comparisons, "figures": figures, "missed": r.missed(),
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
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
