// Package migrations holds the database schema as a sequence of SQL files
// that goose applies in order. A migration must be safe to apply while the
// previous release serves.
package migrations

import "embed"

// FS holds the migrations at its root.
//
//go:embed *.sql
var FS embed.FS
