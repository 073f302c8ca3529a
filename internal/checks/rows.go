package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// A row is one requirement of docs/security-checks.md.
type row struct {
	id, requirement string
	stretch         bool // beyond what the OpenID profiles ask for
}

// idForm is the form of an id. The letters are listed, since P-256 and its
// like are no ids.
var idForm = regexp.MustCompile(`\b(?:RT|[RAPTCJDUSKLIGHFWOVY])[0-9]{2}\b`)

// readRows reads the tables of a file in their order.
func readRows(file string) (rows []row, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		id := strings.TrimSpace(cells[0])
		if idForm.FindString(id) != id || id == "" || len(cells) < 3 {
			continue
		}
		requirement, stretch := strings.CutSuffix(strings.TrimSpace(cells[1]), " (S)")
		rows = append(rows, row{id, requirement, stretch})
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s has no rows of the form | R01 | requirement | source |", file)
	}
	return rows, nil
}
