package idp

import "encoding/json"

// A BackupLine is the beginning of a table, with the columns that its rows have, or with Row
// one of its rows, an object.
type BackupLine struct {
	Table   string
	Columns []string
	Row     json.RawMessage
}
