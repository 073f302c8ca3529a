package postgres

import (
	"context"
	"regexp"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Traced returns a tracer for Options that calls begin with the name of each statement, which
// is its verb and the first table that it concerns: never its text and never an argument. begin
// returns nil where nobody wants to know.
func Traced(begin func(ctx context.Context, name string) (context.Context, func(failed bool))) pgx.QueryTracer {
	return &statements{begin: begin}
}

type statements struct {
	begin func(ctx context.Context, name string) (context.Context, func(failed bool))
	names sync.Map // of statements, by their text, of which the program has so many
}

type statementKey struct{}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	name, known := s.names.Load(q.SQL)
	if !known {
		name = statementName(q.SQL)
		s.names.Store(q.SQL, name)
	}
	ctx, end := s.begin(ctx, name.(string))
	if end == nil {
		return ctx
	}
	return context.WithValue(ctx, statementKey{}, end)
}

func (s *statements) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryEndData) {
	if end, ok := ctx.Value(statementKey{}).(func(failed bool)); ok {
		end(q.Err != nil)
	}
}

var clause = regexp.MustCompile(`\b(INSERT INTO|UPDATE|DELETE FROM|FROM)\s+([a-z_]+)`)

// statementName is that of the first change in a statement, or else of what it reads.
func statementName(sql string) string {
	var read string
	for _, m := range clause.FindAllStringSubmatch(strings.ReplaceAll(sql, "FOR UPDATE", ""), -1) {
		if m[1] != "FROM" {
			return m[1] + " " + m[2]
		}
		if read == "" {
			read = "SELECT FROM " + m[2]
		}
	}
	if read != "" {
		return read
	}
	verb, _, _ := strings.Cut(strings.TrimSpace(sql), " ")
	if !regexp.MustCompile(`^[A-Za-z]{1,16}$`).MatchString(verb) {
		return "statement"
	}
	return strings.ToUpper(verb)
}
