package referees

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// lazy is the part that the referee of TestRow plays in the process of the test below.
const lazy = "REFEREES_LAZY"

// TestRow is a referee that does not do all that it should.
func TestRow(t *testing.T) {
	if os.Getenv(lazy) == "" {
		t.Skip("a part of TestWhatWasNotTriedHasNotPassed")
	}
	r := call(t, "Lazy")
	for _, k := range kinds {
		switch {
		case os.Getenv(lazy) == "absent":
			r.absent("it is at lunch")
		case os.Getenv(lazy) == "leaves out" && k == noEmail:
		default:
			r.try(k, func(t *testing.T) {
				switch {
				case os.Getenv(lazy) == "skips" && k == noEmail:
					t.Skip()
				case os.Getenv(lazy) == "fails" && k == noEmail:
					t.Error("no")
				}
			})
		}
	}
}

// A report says passed of those alone that tried everything.
func TestWhatWasNotTriedHasNotPassed(t *testing.T) {
	t.Parallel()
	for part, want := range map[string]struct {
		required, row string
		fails         bool
	}{
		"diligent":   {"", "Lazy\t-\tordinary, implicit, punctuated, no email, rotation\tpassed\n", false},
		"absent":     {"Other", "Lazy\t-\t-\tnot run: it is at lunch\n", false},
		"leaves out": {"", "Lazy\t-\tordinary, implicit, punctuated, rotation\tFAILED\n", true},
		"skips":      {"", "Lazy\t-\tordinary, implicit, punctuated, rotation\tFAILED\n", true},
		"fails":      {"", "Lazy\t-\tordinary, implicit, punctuated, no email, rotation\tFAILED\n", true},
	} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			row, err := judge(t, part, want.required)
			if row != want.row || (err != nil) != want.fails {
				t.Errorf("%q, %v", row, err)
			}
		})
	}
	for _, required := range []string{"all", "Other Lazy"} {
		if row, err := judge(t, "absent", required); err == nil || !strings.HasSuffix(row, "\tFAILED\n") {
			t.Errorf("absent though required: %q, %v", row, err)
		}
	}
}

// judge runs TestRow in a process of its own and returns its row.
func judge(t *testing.T, part, required string) (row string, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRow$")
	cmd.Env = append(os.Environ(), lazy+"="+part, reportFile+"="+file, "REFEREES_REQUIRED="+required)
	err = cmd.Run()
	text, failed := os.ReadFile(file)
	if failed != nil {
		t.Fatal(failed)
	}
	return string(text), err
}
