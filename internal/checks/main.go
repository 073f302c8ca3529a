// Command checks prints every row of docs/security-checks.md with the tests
// that name it. It exits with 1 if a row has no test, a test names a row that
// does not exist, or a row is listed twice.
//
//	go run ./internal/checks [-short] [root]
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

func main() {
	short := flag.Bool("short", false, "print only what is wrong, and the totals")
	flag.Parse()
	root := "."
	if flag.NArg() > 0 {
		root = flag.Arg(0)
	}
	problems, err := check(os.Stdout, root, *short)
	if err != nil {
		fmt.Fprintln(os.Stderr, "checks:", err)
		os.Exit(2)
	}
	for _, p := range problems {
		fmt.Fprintln(os.Stderr, "checks:", p)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
}

// check prints the table and returns what is wrong with it.
func check(w io.Writer, root string, short bool) (problems []string, err error) {
	rows, err := readRows(filepath.Join(root, "docs", "security-checks.md"))
	if err != nil {
		return nil, err
	}
	tests, err := readTests(root)
	if err != nil {
		return nil, err
	}
	byID := map[string][]string{}
	for _, t := range tests {
		for _, id := range t.ids {
			byID[id] = append(byID[id], t.name())
		}
	}
	seen := map[string]bool{}
	for _, r := range rows {
		if seen[r.id] {
			problems = append(problems, r.id+" is listed twice")
		}
		seen[r.id] = true
		if len(byID[r.id]) == 0 {
			problems = append(problems, fmt.Sprintf("%s has no test: %s", r.id, r.requirement))
		}
		if !short {
			fmt.Fprintf(w, "%-4s %-3s %s\n", r.id, mark(r), cut(r.requirement, 120))
			for _, name := range byID[r.id] {
				fmt.Fprintf(w, "         %s\n", name)
			}
		}
	}
	for _, t := range tests {
		for _, id := range t.ids {
			if !seen[id] {
				problems = append(problems, fmt.Sprintf("%s names %s, which is no row", t.name(), id))
			}
		}
	}
	slices.Sort(problems)
	fmt.Fprintf(w, "%d rows, %d of them named by %d tests\n", len(rows), len(rows)-without(rows, byID), named(tests))
	return problems, nil
}

func mark(r row) string {
	if r.stretch {
		return "(S)"
	}
	return ""
}

func without(rows []row, tests map[string][]string) (n int) {
	for _, r := range rows {
		if len(tests[r.id]) == 0 {
			n++
		}
	}
	return n
}

func named(tests []test) (n int) {
	for _, t := range tests {
		if len(t.ids) > 0 {
			n++
		}
	}
	return n
}

// cut shortens a text to at most n characters.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return strings.TrimSpace(string([]rune(text)[:n-1])) + "…"
}
