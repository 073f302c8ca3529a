package postgres

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestNamedArgumentsAreNumberedInOrder(t *testing.T) {
	t.Parallel()
	n := byName(`SELECT @b::text, @a_b FROM t WHERE list @> @b AND x <@ @c`)
	if want := `SELECT $1::text, $2 FROM t WHERE list @> $1 AND x <@ $3`; n.sql != want {
		t.Errorf("sql = %q, want %q", n.sql, want)
	}
	if got := n.with(pgx.StrictNamedArgs{"c": 3, "b": 1, "a_b": 2}); !slices.Equal(got, []any{1, 2, 3}) {
		t.Errorf("values = %v", got)
	}
	for name, args := range map[string]pgx.StrictNamedArgs{
		"one is missing": {"b": 1, "c": 3}, "one is misspelt": {"b": 1, "ab": 2, "c": 3}, "one too many": {"a_b": 2, "b": 1, "c": 3, "d": 4},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error(name, "and nobody noticed")
				}
			}()
			n.with(args)
		}()
	}
}
