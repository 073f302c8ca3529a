package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"near-idp/internal/config"
	"near-idp/internal/doctor"
	"near-idp/internal/postgres"
)

// What doctor takes for worth a word.
const (
	sweepLate   = 15 * time.Minute // a turn comes every minute
	longRunning = time.Hour        // a transaction: vacuum cannot remove what is younger
	manyDead    = 100_000          // rows, below which a table is not called bloated
	littleSpace = 2 << 30          // bytes free under the data directory
	noSpace     = 200 << 20        // a checkpoint may need as much at once
)

// checkOperation looks at how the database is run. It follows a schema that fits.
func checkOperation(ctx context.Context, cfg *config.Config, store *postgres.Store) []doctor.Result {
	h, err := store.Health(ctx)
	if err != nil {
		return []doctor.Result{doctor.Bad("database health", err, "See that the role of database.url may read the schema, and run `idp migrate up`.")}
	}
	results := []doctor.Result{checkRights(cfg, h), checkDurability(h), checkConnections(cfg, h), checkSweeper(h), checkTables(h)}
	if cfg.Database.URL == "" {
		results = append(results, checkDataDir(cfg.Database.DataDir))
	}
	return results
}

func worry(check, detail, remedy string) doctor.Result {
	return doctor.Result{Check: check, State: doctor.Warning, Detail: detail, Remedy: remedy}
}

func checkRights(cfg *config.Config, h postgres.Health) doctor.Result {
	const check = "database role"
	switch {
	case h.Standby:
		return doctor.Bad(check, errors.New("the server is a standby, which takes no changes"), "Have database.url lead to the primary: list all hosts, with target_session_attrs=read-write.")
	case len(h.Lacks) > 0:
		return doctor.Bad(check, fmt.Errorf("it lacks %s", strings.Join(h.Lacks, ", ")), "Grant SELECT, INSERT, UPDATE and DELETE on all tables, and on those to come by ALTER DEFAULT PRIVILEGES (docs/upgrading.md).")
	case h.Superuser && cfg.Database.URL != "":
		return worry(check, "it is a superuser, whom no guard of the audit log holds", "Let the provider connect with a role of its own that owns its database and nothing else.")
	}
	return doctor.Good(check, "it has the rights that it needs")
}

// checkDurability warns of settings with which the server forgets what it acknowledged: a code
// or a refresh token could then be used twice.
func checkDurability(h postgres.Health) doctor.Result {
	const check = "durability"
	switch {
	case !h.Fsync || !h.FullPages:
		return worry(check, fmt.Sprintf("fsync is %s and full_page_writes is %s: a power cut may destroy the database", onOff(h.Fsync), onOff(h.FullPages)), "Switch both on.")
	case h.Commit == "off":
		return worry(check, "synchronous_commit is off: a crash takes back what was acknowledged just before, so that a code could be spent again and a sign-out undone", "Switch it on for this database: ALTER DATABASE … SET synchronous_commit = on.")
	}
	return doctor.Good(check, "PostgreSQL %s keeps what it acknowledged (synchronous_commit=%s)", h.Version, h.Commit)
}

func onOff(is bool) string {
	if is {
		return "on"
	}
	return "off"
}

func checkConnections(cfg *config.Config, h postgres.Health) doctor.Result {
	const check = "connections"
	most := int(cfg.Database.MaxConns)
	if most > h.Room {
		return doctor.Bad(check, fmt.Errorf("database.max_conns is %d, and the server allows %d", most, h.Room), "Lower database.max_conns or raise max_connections.")
	}
	detail := fmt.Sprintf("%d of %d are open; with database.max_conns of %d there is room for %d replicas", h.Connections, h.Room, most, h.Room/most)
	if h.Connections > h.Room*9/10 {
		return worry(check, detail, "Lower database.max_conns, raise max_connections, or put a pooler in between (database.direct_url).")
	}
	return doctor.Good(check, "%s", detail)
}

func checkSweeper(h postgres.Health) doctor.Result {
	const check, remedy = "sweeper", "See that an idp serve runs, and its log for what it could not delete."
	switch {
	case len(h.Overdue) > 0:
		return worry(check, "rows that expired hours ago are still in "+strings.Join(h.Overdue, ", "), remedy)
	case h.Swept > sweepLate:
		return worry(check, fmt.Sprintf("what expired was last deleted %s ago", h.Swept.Truncate(time.Second)), remedy)
	case h.Swept < 0:
		return doctor.Good(check, "nothing to delete; no turn has finished yet")
	}
	return doctor.Good(check, "what expired was deleted %s ago", h.Swept.Truncate(time.Second))
}

func checkTables(h postgres.Health) doctor.Result {
	const check = "tables"
	var total int64
	var bloated []string
	for _, t := range h.Tables {
		total += t.Bytes
		if t.Dead > manyDead && t.Dead > t.Rows/4 {
			bloated = append(bloated, fmt.Sprintf("%s (%d dead rows, %d live)", t.Name, t.Dead, t.Rows))
		}
	}
	switch {
	case h.Oldest > longRunning:
		return worry(check, fmt.Sprintf("a transaction is open for %s: nothing that was deleted since can be removed, and migrations wait", h.Oldest.Truncate(time.Second)),
			"Find it in pg_stat_activity, ordered by xact_start, and end it (pg_terminate_backend).")
	case !h.Autovacuum:
		return worry(check, "autovacuum is off: tables grow for ever", "Switch it on.")
	case len(bloated) > 0:
		return worry(check, "autovacuum does not keep up with "+strings.Join(bloated, ", "), "Give it more workers (autovacuum_max_workers), and look for transactions that stay open. VACUUM now, at a quiet hour.")
	case len(h.Tables) == 0:
		return doctor.Good(check, "there are none")
	}
	return doctor.Good(check, "%s in all, the largest is %s with %s", bytesText(total), h.Tables[0].Name, bytesText(h.Tables[0].Bytes))
}

func bytesText(n int64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// checkDataDir looks at the directory of the built-in PostgreSQL.
func checkDataDir(dir string) doctor.Result {
	const check = "data directory"
	info, err := os.Stat(dir)
	if err != nil {
		return doctor.Bad(check, err, "Run `idp doctor` as the user of `idp serve`.")
	}
	if info.Mode().Perm()&0o022 != 0 {
		return doctor.Bad(check, fmt.Errorf("others may write to %s (mode %#o)", dir, info.Mode().Perm()), "chmod go-w "+dir)
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return worry(check, err.Error(), "See that the file system is mounted.")
	}
	free := int64(fs.Bavail) * int64(fs.Bsize)
	detail := fmt.Sprintf("%s are free under %s", bytesText(free), dir)
	switch {
	case free < noSpace:
		return doctor.Bad(check, errors.New(detail), "Make room now: when it is full, nobody can sign in.")
	case free < littleSpace:
		return worry(check, detail, "Make room before it is full.")
	}
	return doctor.Good(check, "%s", detail)
}
