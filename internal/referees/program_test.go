package referees

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"near-idp/internal/trial"
)

// build builds a Go program that the module of a directory pins, so that nothing it
// needs is a dependency of the product.
func (r *referee) build(dir, pkg string) string {
	r.Helper()
	program := filepath.Join(r.TempDir(), dir)
	for _, step := range [][]string{{"list", "-deps", pkg}, {"build", "-o", program, pkg}} {
		cmd := exec.CommandContext(r.Context(), "go", step...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil && step[0] == "list" && !strings.Contains(string(out), "go.sum") {
			r.absent("its modules cannot be had: %s", trial.Tail(string(out), 1))
		}
		if err != nil {
			r.Fatalf("go %s: %v\n%s", strings.Join(step, " "), err, out)
		}
	}
	return program
}

// moduleVersion is that of a Go module in the module of a directory.
func moduleVersion(t testing.TB, dir, path string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}}", path)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
