package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5/pgconn"
)

const eventTypes = `SELECT type || ' ' || client_id || ' ' || account_id FROM audit_events WHERE NOT starts_with(type, 'client.')`

// append stores n events and must succeed.
func (l *logouts) append(n int, e idp.Event) {
	l.Helper()
	events := make([]idp.Event, n)
	for i := range events {
		events[i] = e
	}
	must(l.T, l.AppendEvents(l.Context(), events))
}

func (l *logouts) refusesSQL(sql string) {
	l.Helper()
	_, err := l.pool.Exec(l.Context(), sql)
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "42501" {
		l.Errorf("%s: %v", sql, err)
	}
}

// H06: whoever has got in, by injected SQL or as the provider itself, cannot unmake what was recorded.
func TestAuditRowCannotBeAlteredOrTakenBack(t *testing.T) {
	l := newLogouts(t)
	before := l.list(`SELECT to_jsonb(e) FROM audit_events e`)
	for _, sql := range []string{
		`UPDATE audit_events SET outcome = 'refused'`,
		`UPDATE audit_events SET details = NULL WHERE id = 1`,
		`UPDATE audit_events SET id = DEFAULT WHERE false`,
		`INSERT INTO audit_events (id, type) OVERRIDING SYSTEM VALUE VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET type = 'y'`,
		`DELETE FROM audit_events`,
		`DELETE FROM audit_events WHERE id = (SELECT max(id) FROM audit_events)`,
		`TRUNCATE audit_events`,
		`WITH gone AS (DELETE FROM audit_events RETURNING 1) SELECT count(*) FROM gone`,
		`MERGE INTO audit_events e USING (SELECT 1) x ON true WHEN MATCHED THEN DELETE`,
		`SET session_replication_role = replica; DELETE FROM audit_events`,
	} {
		l.refusesSQL(sql)
	}
	if after := l.list(`SELECT to_jsonb(e) FROM audit_events e`); after != before || before == "" {
		t.Errorf("before: %s\nafter: %s", before, after)
	}
}

func TestRetentionTakesWhatIsOlderAndNothingElse(t *testing.T) {
	l := newLogouts(t)
	l.exec(`INSERT INTO audit_events (id, type, at, outcome) OVERRIDING SYSTEM VALUE
		SELECT n - 3000, 'old', now() - interval '40 days', CASE WHEN n % 2 = 0 THEN 'done' ELSE 'refused' END FROM generate_series(1, 2500) n`)
	l.exec(`INSERT INTO audit_events (id, type, at) OVERRIDING SYSTEM VALUE VALUES (-2, 'month', now() - interval '29 days'), (-1, 'today', now() - interval '2 hours')`)
	if n, err := l.SweepEvents(t.Context(), 0); n != 0 || err != nil {
		t.Errorf("without a retention: %d, %v", n, err)
	}
	if n, err := l.SweepEvents(t.Context(), 30*24*time.Hour); n != 2500 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	const left = `SELECT type FROM audit_events WHERE id < 0`
	if got := l.list(left); got != "month today" {
		t.Errorf("left: %s", got)
	}
	// Whatever retention somebody asks for, the database keeps a day.
	if _, err := l.SweepEvents(t.Context(), time.Hour); err == nil || l.list(left) != "month today" {
		t.Errorf("left after too short a retention: %s, %v", l.list(left), err)
	}
}

// O03, H06: a flood of refusals of one client ends at a bound, takes nothing of other
// clients with it and nothing that succeeded.
func TestFloodOfRefusalsStaysBounded(t *testing.T) {
	l := newLogouts(t)
	const most, flood = 20000, 21500
	l.append(3, idp.Event{Type: "token.issued", Outcome: idp.OutcomeDone, ClientID: "noisy"})
	l.append(3, idp.Event{Type: "token.refused", Outcome: idp.OutcomeRefused, ClientID: "quiet"})
	l.exec(`INSERT INTO audit_events (type, outcome, client_id, reason) SELECT 'token.refused', 'refused', 'noisy', n::text FROM generate_series(1, $1::int) n`, flood)
	l.exec(`INSERT INTO audit_events (type, outcome) SELECT 'authorize.refused', 'refused' FROM generate_series(1, 50)`)
	l.refusesSQL(`DELETE FROM audit_events WHERE reason = '` + fmt.Sprint(flood-most+1) + `'`)
	if n, err := l.SweepEvents(t.Context(), 90*24*time.Hour); n != flood-most || err != nil {
		t.Errorf("swept %d of %d, %v", n, flood, err)
	}
	if left := l.list(`SELECT client_id || ':' || outcome || ':' || count(*) || ':' || min(CASE WHEN client_id = 'noisy' AND outcome = 'refused' THEN reason::int END)
		FROM audit_events WHERE client_id = 'noisy' AND outcome = 'refused' GROUP BY client_id, outcome`); left != fmt.Sprintf("noisy:refused:%d:%d", most, flood-most+1) {
		t.Errorf("left: %s", left)
	}
	if left := l.list(`SELECT client_id || ':' || outcome || ':' || count(*) FROM audit_events
		WHERE NOT starts_with(type, 'client.') AND NOT (client_id = 'noisy' AND outcome = 'refused') GROUP BY client_id, outcome`); left != ":refused:50 noisy:done:3 quiet:refused:3" {
		t.Errorf("left of the others: %s", left)
	}
}

// H06: each change leaves its row, which says who caused it, and a change that does not happen leaves none.
func TestChangesOfASessionAreRecordedWithThem(t *testing.T) {
	l := newLogouts(t)
	ctx := idp.WithOrigin(t.Context(), idp.Origin{RequestID: "req-1", Address: "192.0.2.7", Actor: "key:k1"})
	l.session("S1", "alice.testnet")
	l.grant("g1", "told", "S1", "alice.testnet", offline)
	l.grant("g2", "also", "S1", "alice.testnet", "openid")
	must(t, l.RevokeGrant(ctx, "g1", "also")) // not its own
	must(t, l.RevokeGrant(ctx, "g1", "told"))
	must(t, l.RevokeGrant(ctx, "g1", "told"))
	must(t, l.Disconnect(ctx, "testnet", "alice.testnet", "mute")) // never connected
	must(t, l.Disconnect(ctx, "testnet", "alice.testnet", "also"))
	for range 2 {
		_, err := l.EndSessions(ctx, true, "S1")
		must(t, err)
	}
	for range 2 {
		must(t, l.CloseSubject(ctx, "testnet", "alice.testnet"))
	}
	if got := l.list(eventTypes); got != "account.closed  alice.testnet consent.withdrawn also alice.testnet session.ended  alice.testnet token.revoked told alice.testnet" {
		t.Errorf("recorded: %s", got)
	}
	if got := l.list(`SELECT DISTINCT request_id || address || actor || outcome FROM audit_events WHERE account_id <> ''`); got != "req-1192.0.2.7key:k1done" {
		t.Errorf("caused by: %s", got)
	}
}

// G01, H04: what is changed in the registry is recorded whoever does it, by hand included,
// and an address that only servers call does not give its secret away.
func TestChangesOfClientsAndKeysAreRecordedWhoeverMakesThem(t *testing.T) {
	l := newLogouts(t)
	ctx := idp.WithOrigin(t.Context(), idp.Origin{Actor: idp.ActorLocal})
	c := client("wiki", idp.ManagedByAPI)
	c.JWKSURI = "https://wiki.example.com/jwks?key=hunter2"
	must(t, l.CreateClient(ctx, c, idp.ClientSecret{ID: "s1", Hash: hashOf("s1")}))
	c = mustRead(t, l.Store, "wiki")
	c.RedirectURIs, c.Disabled, c.Secrets = []string{"https://evil.example/cb"}, true, nil
	must(t, l.UpdateClient(ctx, c))
	must(t, l.AddClientSecret(ctx, "wiki", idp.ClientSecret{ID: "s2", Hash: hashOf("s2")}))
	must(t, l.DeleteClientSecret(ctx, "wiki", "s1"))
	l.exec(`UPDATE clients SET disabled_at = NULL WHERE id = 'wiki'`)
	must(t, l.DeleteClient(ctx, mustRead(t, l.Store, "wiki")))
	key := idp.SigningKey{KID: "k1", Alg: "ES256", Wrapped: []byte("private"), CreatedAt: time.Now(), ActivatesAt: time.Now()}
	change := func(keys ...idp.SigningKey) {
		must(t, l.ChangeSigningKeys(ctx, func([]idp.SigningKey, time.Time) ([]idp.SigningKey, error) { return keys, nil }))
	}
	change(key)
	key.RetiresAt, key.ExpiresAt = time.Now(), time.Now().Add(time.Hour)
	change(key)
	change()

	events, err := l.Events(t.Context(), idp.EventFilter{Limit: 10})
	must(t, err)
	var got []string
	for _, e := range events {
		got = append(got, e.Type+" "+e.ClientID+" "+e.Actor)
	}
	hand := l.list(`SELECT 'sql:' || session_user`)
	want := []string{"key.deleted  local", "key.retired  local", "key.created  local", "client.deleted wiki local", "client.enabled wiki " + hand,
		"client.secret_revoked wiki local", "client.secret_added wiki local", "client.disabled wiki local", "client.updated wiki local", "client.secret_added wiki local"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("recorded:\n%s", strings.Join(got, "\n"))
	}
	if before, after := fmt.Sprint(events[8].Details["before"]), fmt.Sprint(events[8].Details["after"]); before != "map[redirect_uris:[https://app.example.com/cb]]" || after != "map[redirect_uris:[https://evil.example/cb]]" {
		t.Errorf("changed from %s to %s", before, after)
	}
	rows := l.list(`SELECT to_jsonb(e) FROM audit_events e`)
	for _, secret := range []string{"hunter2", "private", fmt.Sprintf("%x", hashOf("s1"))} {
		if strings.Contains(rows, secret) {
			t.Errorf("a row holds %s", secret)
		}
	}
}

func TestEventsAreSelectedAndPaged(t *testing.T) {
	l := newLogouts(t)
	l.append(1, idp.Event{Type: "login.succeeded", Outcome: idp.OutcomeDone, ClientID: "a", AccountID: "alice.near", RequestID: "r1"})
	l.append(3, idp.Event{Type: "login.refused", Outcome: idp.OutcomeRefused, Reason: "bad_signature", ClientID: "a", RequestID: "r2",
		Details: map[string]any{"given": "'); DROP TABLE audit_events; --"}})
	l.append(1, idp.Event{Type: "key.created", Outcome: idp.OutcomeDone, Actor: "key:k1"})
	l.append(60, idp.Event{Type: "token.refused", Outcome: idp.OutcomeFailed, ClientID: "b"})
	for name, f := range map[string]struct {
		idp.EventFilter
		want int
	}{
		"client": {idp.EventFilter{ClientID: "a"}, 4}, "account": {idp.EventFilter{AccountID: "alice.near"}, 1},
		"type": {idp.EventFilter{Type: "login."}, 4}, "no wildcard": {idp.EventFilter{Type: "login_"}, 0}, "outcome": {idp.EventFilter{Outcome: "refused"}, 3},
		"request": {idp.EventFilter{RequestID: "r2"}, 3}, "actor": {idp.EventFilter{Actor: "key:"}, 1},
		"since": {idp.EventFilter{Since: time.Now().Add(-time.Hour), Type: "login."}, 4}, "later": {idp.EventFilter{Since: time.Now().Add(time.Hour)}, 0},
		"until": {idp.EventFilter{Until: time.Now().Add(-time.Hour)}, 0}, "all of it": {idp.EventFilter{ClientID: "a", Type: "login", Outcome: "done", RequestID: "r1", AccountID: "alice.near"}, 1},
		"injection": {idp.EventFilter{ClientID: "' OR true --"}, 0},
	} {
		f.Limit = 1000
		if got, err := l.Events(t.Context(), f.EventFilter); len(got) != f.want || err != nil {
			t.Errorf("%s: %d events, %v", name, len(got), err)
		}
	}
	seen, f := map[int64]bool{}, idp.EventFilter{ClientID: "b", Limit: 7}
	for {
		page, err := l.Events(t.Context(), f)
		must(t, err)
		for i, e := range page {
			if seen[e.ID] || i > 0 && e.ID >= page[i-1].ID {
				t.Errorf("event %d is out of order", e.ID)
			}
			seen[e.ID] = true
		}
		if len(page) < f.Limit {
			break
		}
		f.Before = page[len(page)-1].ID
	}
	if len(seen) != 60 {
		t.Errorf("%d events on all pages", len(seen))
	}
	if errs, err := l.ClientErrors(t.Context(), "b", 50); len(errs) != 50 || err != nil {
		t.Errorf("%d errors of the client, %v", len(errs), err)
	}
	if errs, err := l.ClientErrors(t.Context(), "a", 50); len(errs) != 3 || err != nil || errs[0].Details["given"] != "'); DROP TABLE audit_events; --" {
		t.Errorf("errors of the client: %v, %v", errs, err)
	}
	last, err := l.LastEvent(context.Background())
	must(t, err)
	if after, err := l.EventsSince(t.Context(), last-1, []int64{last - 9, last + 1000}, 100); len(after) != 2 || err != nil || after[0].ID != last-9 {
		t.Errorf("after the last but one, with one that was missing: %v, %v", after, err)
	}
	if after, err := l.EventsSince(t.Context(), last-2, nil, 100); len(after) != 2 || err != nil || after[1].ID != last {
		t.Errorf("after the last but two: %v, %v", after, err)
	}
}
