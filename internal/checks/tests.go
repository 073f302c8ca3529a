package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A test is one test or fuzz target, with the rows that it names.
type test struct {
	dir, function string
	ids           []string
}

func (t test) name() string { return path.Join(t.dir, t.function) }

// skipped are directories that hold no tests of ours.
var skipped = []string{"node_modules", "third_party", "testdata", ".cache", ".git"}

// readTests reads every test file below root.
func readTests(root string) (tests []test, err error) {
	err = filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(skipped, entry.Name()):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(file, "_test.go"):
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		found, err := readTestFile(file, filepath.ToSlash(dir))
		tests = append(tests, found...)
		return err
	})
	return tests, err
}

// readTestFile takes ids from the comment above a test and from those within
// it, which stand above its subtests and cases.
func readTestFile(file, dir string) (tests []test, err error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	for _, declaration := range parsed.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || function.Recv != nil || !isTest(function.Name.Name) {
			continue
		}
		start := function.Pos()
		if function.Doc != nil {
			start = function.Doc.Pos()
		}
		t := test{dir: dir, function: function.Name.Name}
		for _, comment := range parsed.Comments {
			if comment.Pos() >= start && comment.End() <= function.End() {
				t.ids = append(t.ids, idForm.FindAllString(comment.Text(), -1)...)
			}
		}
		slices.Sort(t.ids)
		t.ids = slices.Compact(t.ids)
		tests = append(tests, t)
	}
	return tests, nil
}

func isTest(name string) bool {
	return name != "TestMain" && (strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz"))
}
