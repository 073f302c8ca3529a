package migrations

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// before is the last migration that never met a release that served: none had been made.
const before = "00014"

// The rules of docs/upgrading.md: what a migration may do to tables that the previous
// release uses at the same time.
var breaks = []struct{ what, pattern string }{
	{"takes away what the previous release uses", `DROP (TABLE|COLUMN|FUNCTION|TRIGGER|TYPE)\b|ALTER TABLE .*\bDROP (COLUMN|DEFAULT)\b`},
	{"renames what the previous release uses", `\bRENAME (TO|COLUMN|CONSTRAINT)\b|ALTER TABLE .* RENAME\b`},
	{"refuses rows of the previous release, which does not fill the column", `ADD COLUMN [^,]*\bNOT NULL\b`},
	{"refuses rows of the previous release, and reads the whole table under a lock", `ALTER COLUMN [^,]*\bSET NOT NULL\b`},
	{"writes the whole table anew under a lock", `ALTER COLUMN [^,]*\b(SET DATA )?TYPE\b|\bSET (LOGGED|UNLOGGED)\b|\b(CLUSTER|VACUUM FULL)\b|ADD COLUMN [^,]*\b(SERIAL|BIGSERIAL|GENERATED)\b|ADD COLUMN [^,]*DEFAULT (CLOCK_TIMESTAMP|GEN_RANDOM_UUID|RANDOM)`},
	{"reads the whole table under a lock: add it NOT VALID, and validate it in a later statement", `ADD (CONSTRAINT \w+ )?(CHECK|FOREIGN KEY)\b`},
	{"builds an index under a lock", `ADD (CONSTRAINT \w+ )?(UNIQUE|PRIMARY KEY)\b`},
	{"locks out everybody", `^(LOCK|TRUNCATE)\b`},
	{"changes many rows in one transaction, for which others wait", `^(UPDATE|DELETE FROM)\b`},
}

// A statement says of itself, in the comment before it, why it may break a rule:
// "Harmless:" with the reason, or "Contract:", and then the file raises schema_floor.
var excuse = regexp.MustCompile(`(?m)^-- (Harmless|Contract): \S.{10}`)

// problems returns what a migration must not do while the previous release serves.
func problems(sql string) (list []string) {
	up, _, _ := strings.Cut(sql, "-- +goose Down")
	up = regexp.MustCompile(`(?s)\$\$.*?\$\$`).ReplaceAllString(up, "''")
	created := map[string]bool{}
	contract := false
	concurrent := map[string]bool{}
	for statement := range strings.SplitSeq(up, ";") {
		excused := excuse.FindStringSubmatch(statement)
		contract = contract || excused != nil && excused[1] == "Contract"
		text := regexp.MustCompile(`(?m)--.*$`).ReplaceAllString(statement, "")
		text = strings.ToUpper(strings.Join(strings.Fields(text), " "))
		if m := regexp.MustCompile(`^CREATE TABLE (\w+)`).FindStringSubmatch(text); m != nil {
			created[m[1]] = true
			continue
		}
		if m := regexp.MustCompile(`^(?:ALTER TABLE|CREATE (?:UNIQUE )?INDEX \w+ ON|UPDATE) (\w+)`).FindStringSubmatch(text); m != nil && created[m[1]] || excused != nil {
			continue // nobody else has it yet
		}
		if m := regexp.MustCompile(`^DROP INDEX CONCURRENTLY IF EXISTS (\w+)`).FindStringSubmatch(text); m != nil {
			concurrent[m[1]] = true
		}
		if m := regexp.MustCompile(`^CREATE (?:UNIQUE )?INDEX (CONCURRENTLY )?(\w+)`).FindStringSubmatch(text); m != nil {
			switch {
			case m[1] == "":
				list = append(list, "builds an index under a lock, not CONCURRENTLY: "+text)
			case !strings.Contains(up, "-- +goose NO TRANSACTION"):
				list = append(list, "an index is built concurrently outside of transactions alone: say -- +goose NO TRANSACTION")
			case !concurrent[m[2]]:
				list = append(list, "a build that was interrupted leaves an index that is not valid: DROP INDEX CONCURRENTLY IF EXISTS it first: "+text)
			}
		}
		for _, b := range breaks {
			if regexp.MustCompile(b.pattern).MatchString(text) && !spared(b.what, text) {
				list = append(list, b.what+": "+text)
			}
		}
	}
	if contract && !regexp.MustCompile(`UPDATE schema_floor\s+SET version = \d+`).MatchString(up) {
		list = append(list, "takes away something and does not raise schema_floor")
	}
	return list
}

// spared reports what a pattern cannot tell: columns with a constant default, a constraint that
// is not validated, the floor.
func spared(what, text string) bool {
	switch {
	case strings.HasPrefix(what, "refuses rows of the previous release, which"):
		for column := range strings.SplitSeq(text, "ADD COLUMN ") {
			if strings.Contains(column, "NOT NULL") && !strings.Contains(column, "DEFAULT") {
				return false
			}
		}
		return true
	case strings.HasPrefix(what, "reads the whole table"):
		return strings.HasSuffix(text, "NOT VALID")
	case strings.HasPrefix(what, "changes many"):
		return strings.Contains(text, "SCHEMA_FLOOR")
	}
	return false
}

func TestMigrationsBreakAndLockNothing(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(FS, "*.sql")
	if err != nil || len(names) < 10 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if name[:5] <= before {
			continue
		}
		for _, p := range problems(string(text)) {
			t.Errorf("%s %s (docs/upgrading.md)", name, p)
		}
	}
}

func TestMigrationsThatBreakOrLockAreFound(t *testing.T) {
	t.Parallel()
	const concurrently = "-- +goose NO TRANSACTION\n-- +goose Up\n"
	for _, bad := range []string{
		`DROP TABLE logins;`,
		`ALTER TABLE logins DROP COLUMN state;`,
		`ALTER TABLE logins ALTER COLUMN attempts DROP DEFAULT;`,
		`ALTER TABLE logins RENAME TO signins;`,
		`ALTER TABLE logins RENAME COLUMN state TO status;`,
		`ALTER TABLE logins ADD COLUMN a int NOT NULL;`,
		`ALTER TABLE logins ADD COLUMN a int NOT NULL DEFAULT 0, ADD COLUMN b int NOT NULL;`,
		`ALTER TABLE logins ALTER COLUMN wallet SET NOT NULL;`,
		`ALTER TABLE logins ALTER COLUMN attempts TYPE bigint;`,
		`ALTER TABLE logins ADD COLUMN a uuid DEFAULT gen_random_uuid();`,
		`ALTER TABLE logins ADD CONSTRAINT sane CHECK (attempts < 9);`,
		`ALTER TABLE logins ADD UNIQUE (state);`,
		`CREATE INDEX logins_state ON logins (state);`,
		concurrently + `CREATE INDEX CONCURRENTLY logins_state ON logins (state);`,
		`DROP INDEX CONCURRENTLY IF EXISTS logins_state; CREATE INDEX CONCURRENTLY logins_state ON logins (state);`,
		`LOCK TABLE logins;`,
		`TRUNCATE logins;`,
		`UPDATE sessions SET used_at = auth_time;`,
		`DELETE FROM sessions;`,
		"-- Contract: the release before last used it.\nALTER TABLE logins DROP COLUMN state;",
		"-- Harmless:\nDROP TABLE logins;",
	} {
		if problems(bad) == nil {
			t.Errorf("nothing is said of\n%s", bad)
		}
	}
	for _, good := range []string{
		`CREATE TABLE a (b int NOT NULL); CREATE INDEX a_b ON a (b); INSERT INTO a VALUES (1);`,
		`ALTER TABLE logins ADD COLUMN a int NOT NULL DEFAULT 0, ADD COLUMN b text;`,
		`ALTER TABLE logins ADD CONSTRAINT sane CHECK (attempts < 9) NOT VALID; ALTER TABLE logins VALIDATE CONSTRAINT sane;`,
		concurrently + `DROP INDEX CONCURRENTLY IF EXISTS logins_state; CREATE INDEX CONCURRENTLY logins_state ON logins (state);`,
		`ALTER TABLE logins SET (fillfactor = 70); DROP INDEX logins_state;`,
		"-- Contract: the release before last used it.\nALTER TABLE logins DROP COLUMN state; UPDATE schema_floor SET version = 17;",
		"-- Harmless: a table of at most ten rows.\nUPDATE signing_keys SET alg = alg;",
		"-- +goose StatementBegin\nCREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM logins; END $$;\n-- +goose StatementEnd",
		"SELECT 1;\n-- +goose Down\nDROP TABLE logins;",
	} {
		if p := problems(good); p != nil {
			t.Errorf("%s: %v", good, p)
		}
	}
}
