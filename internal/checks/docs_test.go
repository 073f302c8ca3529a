package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const repository = "../.."

var (
	namedTest = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`")
	namedCode = regexp.MustCompile("`((?:internal|cmd|web|migrations)/[A-Za-z0-9_./]+)`")
	tableRow  = regexp.MustCompile(`(?m)^\| [^|]+ \|.*$`)
)

// TestDocumentsNameTestsThatExist holds the documents to what is there: each
// row of their tables names a test, or says why there is none; what they name of the code exists.
func TestDocumentsNameTestsThatExist(t *testing.T) {
	tests, err := readTests(repository)
	if err != nil {
		t.Fatal(err)
	}
	exists := map[string]bool{}
	for _, test := range tests {
		exists[test.function] = true
	}
	for _, name := range []string{"conformance.md", "specifications.md", "threat-model.md"} {
		text, err := os.ReadFile(filepath.Join(repository, "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range namedCode.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(repository, match[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		rows := tableRow.FindAllString(string(text), -1)
		if len(rows) < 20 {
			t.Errorf("%s: only %d rows", name, len(rows))
		}
		for _, row := range rows {
			matches := namedTest.FindAllStringSubmatch(row, -1)
			if len(matches) == 0 && !strings.Contains(row, "Why not:") && !strings.Contains(row, " test |") && !strings.Contains(row, "Not supported") {
				t.Errorf("%s: neither a test nor a reason: %s", name, row)
			}
			for _, match := range matches {
				if !exists[match[1]] {
					t.Errorf("%s: %s does not exist", name, match[1])
				}
			}
		}
	}
}

var module = regexp.MustCompile("[`\"](oidcc-[a-z0-9-]+)[`\"]")

// modules returns the names of the suite's modules in a text.
func modules(text string) map[string]bool {
	found := map[string]bool{}
	for _, match := range module.FindAllStringSubmatch(text, -1) {
		found[match[1]] = true
	}
	return found
}

// TestEveryModuleThatIsPlayedIsListed holds docs/conformance.md and the tests of
// internal/e2e to each other.
func TestEveryModuleThatIsPlayedIsListed(t *testing.T) {
	listed, err := os.ReadFile(filepath.Join(repository, "docs", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(repository, "internal", "e2e", "conformance_*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	played := map[string]bool{"oidcc-discovery-endpoint-verification": true} // the only one of its plan
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for name := range modules(string(text)) {
			played[name] = true
		}
	}
	if len(played) < 50 {
		t.Errorf("only %d modules are played", len(played))
	}
	for name := range played {
		if !modules(string(listed))[name] {
			t.Errorf("%s is played and not listed", name)
		}
	}
	for _, row := range tableRow.FindAllString(string(listed), -1) {
		if !strings.Contains(row, "TestConformance") {
			continue
		}
		for name := range modules(row) {
			if !played[name] {
				t.Errorf("%s is listed as played and is not", name)
			}
		}
	}
}

var markdownLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinksOfDocumentsLeadSomewhere follows those that stay in the repository.
func TestLinksOfDocumentsLeadSomewhere(t *testing.T) {
	documents, err := filepath.Glob(filepath.Join(repository, "docs", "*.md"))
	if err != nil || len(documents) < 10 {
		t.Fatalf("%d documents, %v", len(documents), err)
	}
	recipes, err := filepath.Glob(filepath.Join(repository, "docs", "recipes", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	documents = append(documents, recipes...)
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"} {
		documents = append(documents, filepath.Join(repository, name))
	}
	for _, document := range documents {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range markdownLink.FindAllStringSubmatch(string(text), -1) {
			path, _, _ := strings.Cut(match[1], "#")
			if path == "" || strings.Contains(path, ":") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), path)); err != nil {
				t.Errorf("%s: %v", document, err)
			}
		}
	}
}
