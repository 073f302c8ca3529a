package postgres

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A name is made of verbs and tables, whatever else stands in a statement.
func TestStatementNamesHoldNoArguments(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT 1": "SELECT", "begin": "BEGIN", "": "statement", "'alice.near' x": "statement",
		"SELECT a FROM logins WHERE id = 'SECRET' FOR UPDATE":                                               "SELECT FROM logins",
		"INSERT INTO logins (id) VALUES ('SECRET')\nON CONFLICT DO UPDATE SET id = 'x'":                     "INSERT INTO logins",
		"WITH spent AS (\n\tUPDATE logins\n\tSET code = 'SECRET'\n) INSERT INTO grants SELECT * FROM spent": "UPDATE logins",
		"DELETE FROM sessions WHERE sid = 'SECRET'":                                                         "DELETE FROM sessions",
	} {
		if got := statementName(sql); got != want {
			t.Errorf("%q: %q, want %q", sql, got, want)
		}
	}
	for _, sql := range sweeps {
		if name := statementName(sql); !strings.HasPrefix(name, "DELETE FROM ") {
			t.Errorf("%q: %q", sql, name)
		}
	}
}

// Statements of requests that are not recorded are not slowed down.
func TestUntracedStatementsAllocateNothing(t *testing.T) {
	tracer := Traced(func(ctx context.Context, _ string) (context.Context, func(bool)) { return ctx, nil })
	data := pgx.TraceQueryStartData{SQL: "SELECT a FROM logins"}
	ctx := t.Context()
	tracer.TraceQueryStart(ctx, nil, data)
	if n := testing.AllocsPerRun(100, func() {
		tracer.TraceQueryEnd(tracer.TraceQueryStart(ctx, nil, data), nil, pgx.TraceQueryEndData{})
	}); n > 1 { // the text, as the key of a map
		t.Errorf("%v allocations", n)
	}
}
