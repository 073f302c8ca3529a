package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// origin is who caused a change, as the statements of audited want it.
func origin(ctx context.Context) []string {
	o := idp.OriginOf(ctx)
	return []string{o.RequestID, o.Address, o.Actor}
}

// caused adds who caused a change, and the browser that a session is used with, to the arguments of a statement.
func caused(ctx context.Context, args pgx.StrictNamedArgs) pgx.StrictNamedArgs {
	browser := idp.OriginOf(ctx).Browser
	args["origin"], args["browser"], args["system"], args["place"] = origin(ctx), browser.Name, browser.System, browser.Place
	return args
}

// audited is the INSERT of the audit rows of a change, for a WITH clause of the
// statement that makes it: there is neither without the other. from is the
// parameter that holds origin's value. row selects type, client_id, account_id,
// subject, sid and details, and goes on with FROM what the change returned.
func audited(from, row string) string {
	return `
		INSERT INTO audit_events (request_id, address, actor, type, client_id, account_id, subject, sid, details)
		SELECT (` + from + `::text[])[1], (` + from + `::text[])[2], (` + from + `::text[])[3], ` + row
}

// setOrigin tells the triggers that record changes of clients, secrets and keys
// who makes those of a transaction.
const setOrigin = `SELECT set_config('idp.origin', $1, true)`

func originText(ctx context.Context) string {
	o := idp.OriginOf(ctx)
	text, err := json.Marshal(map[string]string{"request_id": o.RequestID, "address": o.Address, "actor": o.Actor})
	if err != nil {
		panic(err) // three strings can always be encoded
	}
	return string(text)
}

// change executes one statement that triggers record. It takes one round trip
// and, as every batch does, one transaction.
func (s *Store) change(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	var batch pgx.Batch
	batch.Queue(setOrigin, originText(ctx))
	batch.Queue(sql, args...)
	results := s.db.SendBatch(ctx, &batch)
	if _, err := results.Exec(); err != nil {
		return pgconn.CommandTag{}, errors.Join(err, results.Close())
	}
	tag, err := results.Exec()
	if closed := results.Close(); err == nil {
		err = closed
	}
	return tag, err
}

// AppendEvents stores events of requests that changed nothing, all in one
// statement. Their ids and times are the database's.
func (s *Store) AppendEvents(ctx context.Context, events []idp.Event) error {
	const columns = 11
	list := make([][]string, columns)
	for _, e := range events {
		details := "null"
		if len(e.Details) > 0 {
			text, err := json.Marshal(e.Details)
			if err != nil {
				return fmt.Errorf("details of a %s event: %w", e.Type, err)
			}
			details = string(text)
		}
		for i, value := range [columns]string{e.Type, e.Outcome, e.Reason, e.ClientID, e.AccountID, e.Subject, e.SID,
			e.RequestID, e.Address, e.Actor, details} {
			list[i] = append(list[i], value)
		}
	}
	args := make([]any, columns)
	for i := range list {
		args[i] = list[i]
	}
	_, err := s.db.Exec(ctx, `
		INSERT INTO audit_events (type, outcome, reason, client_id, account_id, subject, sid, request_id, address, actor, details)
		SELECT type, outcome, reason, client_id, account_id, subject, sid, request_id, address, actor, nullif(details::jsonb, 'null')
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[])
			AS e (type, outcome, reason, client_id, account_id, subject, sid, request_id, address, actor, details)`, args...)
	return translate(err)
}

const eventColumns = `id, at, type, outcome, reason, client_id, account_id, subject, sid, request_id, address, actor, details`

func scanEvent(row pgx.CollectableRow) (e idp.Event, err error) {
	err = row.Scan(&e.ID, &e.Time, &e.Type, &e.Outcome, &e.Reason, &e.ClientID, &e.AccountID, &e.Subject, &e.SID,
		&e.RequestID, &e.Address, &e.Actor, &e.Details)
	e.Time = e.Time.UTC()
	return e, err
}

// Events returns the events that a filter selects, the newest first.
func (s *Store) Events(ctx context.Context, f idp.EventFilter) ([]idp.Event, error) {
	where, args := selecting(f)
	if f.Before > 0 {
		args = append(args, f.Before)
		where = append(where, "id < $"+strconv.Itoa(len(args)))
	}
	return s.events(ctx, where, args, f.Limit)
}

// EventsSince returns up to limit events with a greater id, and before them
// those of the missing that there are by now, the oldest first.
func (s *Store) EventsSince(ctx context.Context, id int64, missing []int64, limit int) ([]idp.Event, error) {
	rows, err := s.db.Query(ctx, `
		SELECT `+eventColumns+` FROM audit_events WHERE id = ANY ($2)
		UNION ALL
		(SELECT `+eventColumns+` FROM audit_events WHERE id > $1 ORDER BY id LIMIT $3)
		ORDER BY id
		LIMIT $3`, id, missing, limit)
	if err != nil {
		return nil, translate(err)
	}
	list, err := pgx.CollectRows(rows, scanEvent)
	return list, translate(err)
}

func (s *Store) events(ctx context.Context, where []string, args []any, limit int) ([]idp.Event, error) {
	sql := `SELECT ` + eventColumns + ` FROM audit_events`
	if len(where) > 0 {
		sql += ` WHERE ` + strings.Join(where, " AND ")
	}
	args = append(args, limit)
	rows, err := s.db.Query(ctx, sql+` ORDER BY id DESC LIMIT $`+strconv.Itoa(len(args)), args...)
	if err != nil {
		return nil, translate(err)
	}
	list, err := pgx.CollectRows(rows, scanEvent)
	return list, translate(err)
}

// selecting is the WHERE clause of a filter. Each condition is there only if it
// is asked for, so that the planner knows which index serves.
func selecting(f idp.EventFilter) (where []string, args []any) {
	add := func(wanted bool, condition string, value any) {
		if wanted {
			args = append(args, value)
			where = append(where, strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(args))))
		}
	}
	add(f.ClientID != "", "client_id = ?", f.ClientID)
	add(f.AccountID != "", "account_id = ?", f.AccountID)
	add(f.RequestID != "", "request_id = ?", f.RequestID)
	add(f.Type != "", "starts_with(type, ?)", f.Type)
	add(f.Outcome != "", "outcome = ?", f.Outcome)
	add(f.Actor != "", "actor <> '' AND starts_with(actor, ?)", f.Actor)
	add(!f.Since.IsZero(), "at >= ?", f.Since)
	add(!f.Until.IsZero(), "at < ?", f.Until)
	return where, args
}

// ClientErrors returns the latest requests of a client that were refused or
// failed, the newest first.
func (s *Store) ClientErrors(ctx context.Context, clientID string, limit int) ([]idp.Event, error) {
	return s.events(ctx, []string{"client_id = $1", "outcome <> 'done'"}, []any{clientID}, limit)
}

// LastEvent returns the id of the latest event, 0 if there is none.
func (s *Store) LastEvent(ctx context.Context) (id int64, err error) {
	err = s.db.QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM audit_events`).Scan(&id)
	return id, translate(err)
}

// ClaimJournal implements audit.Journal.
func (s *Store) ClaimJournal(ctx context.Context, holder string, done int64, lease time.Duration) (at int64, err error) {
	err = s.db.QueryRow(ctx, `
		INSERT INTO audit_journal AS j (event_id, holder, lease_until)
		VALUES ($2, $1, clock_timestamp() + $3::interval)
		ON CONFLICT (single) DO UPDATE
		SET event_id = greatest(j.event_id, excluded.event_id), holder = excluded.holder, lease_until = excluded.lease_until
		WHERE j.holder = excluded.holder OR j.lease_until <= clock_timestamp()
		RETURNING event_id`, holder, done, lease).Scan(&at)
	return at, translate(err)
}

// maxTrouble is how many refusals of one client are kept. The database's own
// guard of audit_events has the same number.
const maxTrouble = 20000

// SweepEvents deletes events that are older than the retention, and of each
// client the refusals beyond the 20000 latest. A retention of 0 keeps events for ever. It returns how many went.
func (s *Store) SweepEvents(ctx context.Context, retention time.Duration) (total int64, err error) {
	sweep := func(sql string, args ...any) {
		for more := err == nil; more; {
			tag, failed := s.db.Exec(ctx, sql, append([]any{sweepBatch}, args...)...)
			total += tag.RowsAffected()
			err = translate(failed)
			more = failed == nil && tag.RowsAffected() == sweepBatch
		}
	}
	if retention > 0 {
		// Ids rise with time, so only the first ones are looked at.
		sweep(`
			DELETE FROM audit_events WHERE id IN (
				SELECT id FROM (SELECT id, at FROM audit_events ORDER BY id LIMIT $1) oldest WHERE at < now() - $2::interval)`, retention)
	}
	sweep(`
		WITH RECURSIVE clients AS (
			(SELECT client_id FROM audit_events WHERE outcome <> 'done' ORDER BY client_id LIMIT 1)
			UNION ALL
			SELECT (SELECT e.client_id FROM audit_events e WHERE e.outcome <> 'done' AND e.client_id > c.client_id ORDER BY e.client_id LIMIT 1)
			FROM clients c
			WHERE c.client_id IS NOT NULL
		)
		DELETE FROM audit_events WHERE id IN (
			SELECT surplus.id
			FROM clients c
			CROSS JOIN LATERAL (
				SELECT e.id FROM audit_events e WHERE e.outcome <> 'done' AND e.client_id = c.client_id
				ORDER BY e.id DESC OFFSET $2 LIMIT 1) kept
			CROSS JOIN LATERAL (
				SELECT e.id FROM audit_events e WHERE e.outcome <> 'done' AND e.client_id = c.client_id AND e.id <= kept.id
				ORDER BY e.id LIMIT $1) surplus
			LIMIT $1)`, maxTrouble)
	return total, err
}
