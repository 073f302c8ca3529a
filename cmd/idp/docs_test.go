package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// The table of commands is that of the program, in the order of its help.
func TestDocumentedCommandsAreTheCommands(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/command-line.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, c := range commands() {
		want = append(want, fmt.Sprintf("| `idp %s` | %s |", c.name, c.summary))
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `idp ") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("docs/command-line.md has to have these rows:\n%s", strings.Join(want, "\n"))
	}
}
