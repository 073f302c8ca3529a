package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// known tells licences, by their SPDX identifiers, by sentences that only they have. The
// first that has all of its sentences is meant.
var known = []struct {
	id        string
	sentences []string
}{
	{"Apache-2.0", []string{"Apache License", "Version 2.0, January 2004"}},
	{"MPL-2.0", []string{"Mozilla Public License", "version 2.0", "Covered Software"}},
	{"BSD-3-Clause", []string{"Redistributions in binary form must reproduce", "Neither the name of", "without specific prior written permission"}},
	{"BSD-3-Clause", []string{"Redistributions in binary form must reproduce", "may not be used to endorse or promote products"}},
	{"BSD-2-Clause", []string{"Redistributions in binary form must reproduce"}},
	{"ISC", []string{"Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee"}},
	{"MIT", []string{"Permission is hereby granted, free of charge, to any person obtaining a copy", "The above copyright notice and this permission notice"}},
}

// licenceOf returns the SPDX identifier of the licence in a module's directory. One that is
// not known is an error: somebody has to read it.
func licenceOf(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("its files are not in the module cache: build the program here first")
	}
	for _, name := range []string{"LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		text := strings.Join(strings.Fields(string(data)), " ")
	next:
		for _, licence := range known {
			for _, sentence := range licence.sentences {
				if !strings.Contains(strings.ToLower(text), strings.ToLower(sentence)) {
					continue next
				}
			}
			return licence.id, nil
		}
		return "", fmt.Errorf("the licence in %s is not one of those known: read it, and add it to internal/release/licence.go", name)
	}
	return "", fmt.Errorf("no licence in %s", dir)
}
