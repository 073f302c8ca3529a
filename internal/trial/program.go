// Package trial runs the product as its operator does: the built program, as a
// process that tests meet from outside.
package trial

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"near-idp/internal/pgtest"
)

// built names the program to the processes that fuzz beside this one.
const built = "IDP_TRIAL_PROGRAM"

// The program is built once for all tests of a binary, stripped as releases are.
var (
	dir     string
	program = sync.OnceValues(func() (string, error) {
		if path := os.Getenv(built); path != "" {
			return path, nil
		}
		var err error
		if dir, err = os.MkdirTemp("", "idp-trial-"); err != nil {
			return "", err
		}
		path := filepath.Join(dir, "idp")
		out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "near-idp/cmd/idp").CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("go build: %w\n%s", err, out)
		}
		return path, os.Setenv(built, path)
	})
)

// Main is the TestMain of a package that uses this one: it runs the tests,
// removes the program and the databases, and returns the exit code.
func Main(m *testing.M) int {
	code := pgtest.Main(m)
	if dir != "" {
		_ = os.RemoveAll(dir) // a temporary directory; nobody is left to tell
	}
	return code
}

// Program returns the path of idp.
func Program(t testing.TB) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
