package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const rowsOfTest = `# Rows
| id | requirement | source |
|---|---|---|
| R01 | exact match | x |
| RT02 | rotation is atomic (S) | x |
| W03 | strict | x |
`

// tree writes files below a new directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestRowsWithoutATestAndIdsWithoutARowAreProblems(t *testing.T) {
	const source = "package a\n\n// R01, %s: why.\nfunc TestA(t *testing.T) {\n\t// RT02 within\n}\n\n// W03 above a helper counts for nothing.\nfunc helper() {}\n"
	for name, c := range map[string]struct {
		id   string
		want []string
	}{
		"missing": {"R01", []string{"W03 has no test: strict"}},
		"unknown": {"W04", []string{"W03 has no test: strict", "a/TestA names W04, which is no row"}},
		"whole":   {"W03", nil},
		"no id":   {"W031 and P-256", []string{"W03 has no test: strict"}},
	} {
		root := tree(t, map[string]string{"docs/security-checks.md": rowsOfTest, "a/a_test.go": strings.ReplaceAll(source, "%s", c.id)})
		var out strings.Builder
		got, err := check(&out, root, false)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if !strings.Contains(out.String(), "RT02 (S) rotation is atomic\n         a/TestA\n") {
			t.Errorf("%s: %s", name, out.String())
		}
	}
}

func TestARowListedTwiceIsAProblem(t *testing.T) {
	root := tree(t, map[string]string{"docs/security-checks.md": rowsOfTest + "| R01 | again | x |\n"})
	got, err := check(io.Discard, root, true)
	if err != nil || !slices.Contains(got, "R01 is listed twice") {
		t.Errorf("%q, %v", got, err)
	}
}
