package referees

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/trial"
)

func TestMain(m *testing.M) { os.Exit(trial.Main(m)) }

// A kind of account that every relying party has to cope with.
type kind string

const (
	ordinary   kind = "ordinary"   // alice.testnet
	implicit   kind = "implicit"   // 64 hex digits
	punctuated kind = "punctuated" // my-dao_one.testnet
	noEmail    kind = "no email"   // at a client that is not told one
	rotation   kind = "rotation"   // of the signing keys between two logins
)

var kinds = []kind{ordinary, implicit, punctuated, noEmail, rotation}

// A referee is a relying party that others wrote, and its row of the report.
type referee struct {
	*testing.T
	name    string
	version string
	tried   []kind
	why     string // it was not run
}

// call opens the row of a referee.
func call(t *testing.T, name string) *referee {
	t.Helper()
	if os.Getenv(reportFile) == "" {
		t.Skip("`make referees` runs it")
	}
	r := &referee{T: t, name: name, version: "-"}
	t.Cleanup(r.report)
	return r
}

// reportFile names the file that rows are added to.
const reportFile = "REFEREES_REPORT"

// absent ends the test of a referee whose parts cannot be had.
func (r *referee) absent(format string, args ...any) {
	r.Helper()
	r.why = fmt.Sprintf(format, args...)
	required := os.Getenv("REFEREES_REQUIRED")
	if required == "all" || slices.Contains(strings.Fields(required), r.name) {
		r.Fatalf("%s is required, and was not run: %s", r.name, r.why)
	}
	r.Skip("not run: " + r.why)
}

// try is the part of one kind of account. One that is skipped is not tried.
func (r *referee) try(k kind, login func(t *testing.T)) {
	r.Helper()
	r.Run(string(k), func(t *testing.T) {
		t.Cleanup(func() {
			if !t.Skipped() {
				r.tried = append(r.tried, k)
			}
		})
		login(t)
	})
}

// report adds the row. Who has not tried every kind of account has not passed.
func (r *referee) report() {
	result := "passed"
	for _, k := range kinds {
		if r.why == "" && !r.Failed() && !slices.Contains(r.tried, k) {
			r.Errorf("never tried: %s", k)
		}
	}
	if r.Failed() {
		result = "FAILED"
	} else if r.why != "" {
		result = "not run: " + r.why
	}
	var tried []string
	for _, k := range r.tried {
		tried = append(tried, string(k))
	}
	file, err := os.OpenFile(os.Getenv(reportFile), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		r.Fatal(err)
	}
	defer file.Close()
	if _, err := fmt.Fprintf(file, "%s\t%s\t%s\t%s\n", r.name, r.version, cmp.Or(strings.Join(tried, ", "), "-"), result); err != nil {
		r.Error(err)
	}
}
