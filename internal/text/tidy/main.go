// Command tidy sorts and indents the catalogs: go run ./internal/text/tidy
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	names, err := filepath.Glob("internal/text/catalog/*.json")
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("internal/text/catalog holds no catalog: run this at the top of the repository")
	}
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		var area map[string]map[string]string
		if err := json.Unmarshal(body, &area); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		var sorted bytes.Buffer
		encoder := json.NewEncoder(&sorted)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(area); err != nil {
			return err
		}
		if err := os.WriteFile(name, sorted.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
