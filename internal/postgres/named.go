package postgres

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// A named statement has arguments with names, written @name. They are numbered once, when the
// program starts: a statement of several parts is long to read through for each request.
type named struct {
	sql   string // with $1, $2, …
	names []string
}

var argument = regexp.MustCompile(`@[a-z][a-z_]*`)

func byName(sql string) named {
	var n named
	n.sql = argument.ReplaceAllStringFunc(sql, func(name string) string {
		i := slices.Index(n.names, name[1:])
		if i < 0 {
			i = len(n.names)
			n.names = append(n.names, name[1:])
		}
		return "$" + strconv.Itoa(i+1)
	})
	return n
}

// with puts the statement's arguments in order. To leave one out, or to give one that it does
// not name, is a mistake in the program: it panics.
func (n named) with(args pgx.StrictNamedArgs) []any {
	values := make([]any, len(n.names))
	for i, name := range n.names {
		value, ok := args[name]
		if !ok {
			panic("statement without its argument @" + name)
		}
		values[i] = value
	}
	if len(args) != len(n.names) {
		panic(fmt.Sprintf("%d arguments for a statement of %d", len(args), len(n.names)))
	}
	return values
}
