package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"

	"github.com/jackc/pgx/v5/pgxpool"
)

type logouts struct {
	*postgres.Store
	*testing.T
	pool *pgxpool.Pool
}

func newLogouts(t *testing.T) *logouts {
	t.Helper()
	t.Parallel()
	pool := pgtest.New(t)
	l := &logouts{postgres.New(pool), t, pool}
	for _, id := range []string{"told", "also", "mute", "off"} {
		c := client(id, idp.ManagedByAPI)
		if id != "mute" {
			c.BackchannelLogoutURI = "https://app.example.com/logout"
		}
		c.Disabled = id == "off"
		must(t, l.CreateClient(t.Context(), c, idp.ClientSecret{}))
	}
	return l
}

func (l *logouts) exec(sql string, args ...any) {
	l.Helper()
	if _, err := l.pool.Exec(l.Context(), sql, args...); err != nil {
		l.Fatal(err)
	}
}

// list returns the one text column of a query.
func (l *logouts) list(sql string, args ...any) string {
	l.Helper()
	var found []string
	if err := l.pool.QueryRow(l.Context(), `SELECT coalesce(array_agg(x::text ORDER BY x), '{}') FROM (`+sql+`) AS list (x)`, args...).Scan(&found); err != nil {
		l.Fatal(err)
	}
	return strings.Join(found, " ")
}

func (l *logouts) session(sid, account string) {
	l.Helper()
	l.exec(`INSERT INTO subjects (network, account_id, incarnation) VALUES ('testnet', $1, 1) ON CONFLICT DO NOTHING`, account)
	l.exec(`INSERT INTO sessions (sid, hash, subject, account_id, network, public_key, auth_time, idle_expires_at, expires_at)
		VALUES ($1, $3, $2, $2, 'testnet', 'ed25519:k', now(), now() + interval '1 hour', now() + interval '1 hour')`, sid, account, hashOf(sid))
}

func (l *logouts) grant(id, client, sid, account, scopes string) {
	l.Helper()
	l.exec(`INSERT INTO grants (id, client_id, subject, account_id, network, public_key, auth_time, sid, scopes, audience, expires_at, max_expires_at)
		VALUES ($1, $2, $3, $3, 'testnet', 'ed25519:k', now(), $4, string_to_array($5, ' '), '{}', now() + interval '1 hour', now() + interval '1 hour')`,
		id, client, account, sid, scopes)
}

func (l *logouts) end(want int, offline bool, sids ...string) {
	l.Helper()
	if got, err := l.EndSessions(l.Context(), offline, sids...); err != nil || got != want {
		l.Errorf("ended %d sessions, want %d: %v", got, want, err)
	}
}

const (
	revoked = `SELECT id FROM grants WHERE revoked_at IS NOT NULL`
	outbox  = `SELECT client_id || ':' || sid || ':' || subject FROM logout_outbox`
	offline = "openid offline_access"
)

// L03, RT05: the session, its grants and the notes to its clients go together.
func TestEndOfASessionRevokesItsGrantsAndNotesItsClients(t *testing.T) {
	l := newLogouts(t)
	l.session("S1", "alice.testnet")
	l.session("S2", "alice.testnet")
	l.grant("g1", "told", "S1", "alice.testnet", offline)
	l.grant("g2", "told", "S1", "alice.testnet", "openid")
	l.grant("g3", "also", "S1", "alice.testnet", "openid")
	l.grant("g4", "mute", "S1", "alice.testnet", offline)
	l.grant("g5", "off", "S1", "alice.testnet", offline)
	l.grant("g6", "also", "S2", "alice.testnet", offline)
	must(t, l.RevokeGrant(t.Context(), "g3", "also")) // given back by its client, where the person is signed in still
	l.end(1, true, "S1")
	if got := l.list(revoked); got != "g1 g2 g3 g4 g5" {
		t.Errorf("revoked: %s", got)
	}
	if got := l.list(outbox); got != "also:S1:alice.testnet told:S1:alice.testnet" {
		t.Errorf("to be told: %s", got)
	}
	if _, err := l.Session(t.Context(), hashOf("S1")); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("the session answers: %v", err)
	}
	if _, err := l.Session(t.Context(), hashOf("S2")); err != nil {
		t.Errorf("the other browser's session: %v", err)
	}
	l.exec(`DELETE FROM logout_outbox`)
	l.end(0, true, "S1", "unknown")
	if got := l.list(outbox); got != "" {
		t.Errorf("told twice: %s", got)
	}
}

// Back-Channel Logout section 2.7: what was granted for offline use can be left alone.
func TestOfflineGrantsOutliveALogoutWhereTheOperatorSaysSo(t *testing.T) {
	l := newLogouts(t)
	l.session("S1", "alice.testnet")
	l.grant("g1", "told", "S1", "alice.testnet", offline)
	l.grant("g2", "also", "S1", "alice.testnet", "openid")
	l.end(1, false, "S1")
	if got := l.list(revoked); got != "g2" {
		t.Errorf("revoked: %s", got)
	}
	if got := l.list(outbox); got != "also:S1:alice.testnet told:S1:alice.testnet" {
		t.Errorf("to be told: %s", got)
	}
}

// A client's logout reaches what outlived the session's own row.
func TestGrantsOfASessionThatIsGoneAreRevoked(t *testing.T) {
	l := newLogouts(t)
	l.grant("g1", "told", "SWEPT", "alice.testnet", offline)
	l.grant("g2", "told", "", "told", "openid") // obtained by the client for itself
	l.end(0, true, "SWEPT", "")
	if l.list(revoked) != "g1" || l.list(outbox) != "told:SWEPT:alice.testnet" {
		t.Errorf("revoked %s, to be told %s", l.list(revoked), l.list(outbox))
	}
}

// S09: everything that an account has here ends at once, whichever incarnation.
func TestEndOfAllSessionsOfAnAccount(t *testing.T) {
	l := newLogouts(t)
	l.session("S1", "alice.testnet")
	l.session("S2", "alice.testnet")
	l.session("S3", "bob.testnet")
	l.grant("g1", "told", "S1", "alice.testnet", offline)
	l.grant("g2", "told", "OLD", "alice.testnet", offline)
	l.grant("g3", "told", "S3", "bob.testnet", offline)
	if n, err := l.EndSessionsOf(t.Context(), "testnet", "alice.testnet"); n != 2 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if l.list(revoked) != "g1 g2" || l.list(`SELECT sid FROM sessions WHERE ended_at IS NULL`) != "S3" {
		t.Errorf("revoked %s", l.list(revoked))
	}
	if n, err := l.EndSessionsOf(t.Context(), "mainnet", "bob.testnet"); n != 0 || err != nil || l.list(revoked) != "g1 g2" {
		t.Errorf("another network: %d %v", n, err)
	}
}

// RT05: a code that is redeemed while its session ends gives a grant that the
// logout revokes, or none.
func TestLogoutNeverMissesAGrant(t *testing.T) {
	l := newLogouts(t)
	for round := range 40 {
		sid := fmt.Sprintf("S%d", round)
		l.session(sid, "alice.testnet")
		l.exec(`INSERT INTO logins (id, client_id, params, message, nonce, recipient, callback_url, state, expires_at, consumed_at, sid,
			grant_id, code_hash, code_expires_at, redirect_uri, scopes, audience, oidc_nonce, claims)
			VALUES ($1, 'told', '', '', $2, '', '', '', now() + interval '1 minute', now(), $1,
			$1, $2, now() + interval '1 minute', '', '{openid}', '{}', '', '{}')`, sid, hashOf(sid))
		var group sync.WaitGroup
		var redeemed error
		group.Go(func() {
			_, redeemed = l.RedeemCode(t.Context(), idp.PresentedCode{LoginID: sid, Hash: hashOf(sid)}, "told", "", "", idp.ProvenKey{}, idp.DefaultLifetimes)
		})
		group.Go(func() { l.end(1, true, sid) })
		group.Wait()
		if redeemed != nil && !errors.Is(redeemed, idp.ErrNotFound) {
			t.Fatal(redeemed)
		}
	}
	if got := l.list(`SELECT id FROM grants WHERE revoked_at IS NULL`); got != "" {
		t.Errorf("live after the logout: %s", got)
	}
	if l.list(`SELECT id FROM grants`) != l.list(`SELECT sid FROM logout_outbox`) {
		t.Error("a client with a grant was not noted")
	}
}

// L05: of replicas that claim at once, each takes other rows; a row whose
// replica died is taken again after the lease.
func TestLogoutsAreClaimedOnce(t *testing.T) {
	l := newLogouts(t)
	for i := range 60 {
		l.exec(`INSERT INTO logout_outbox (client_id, sid, subject) VALUES ('told', $1, 'alice.testnet')`, fmt.Sprint("S", i))
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	seen := map[int64]int{}
	for range 6 {
		group.Go(func() {
			for {
				claimed, err := l.ClaimLogouts(context.WithoutCancel(t.Context()), 7, time.Hour)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				for _, c := range claimed {
					seen[c.ID]++
				}
				mu.Unlock()
				if len(claimed) == 0 {
					return
				}
			}
		})
	}
	group.Wait()
	if len(seen) != 60 || slices.Max(slices.Collect(values(seen))) != 1 {
		t.Fatalf("claimed %v", seen)
	}
	l.exec(`UPDATE logout_outbox SET due_at = now() WHERE sid = 'S0'`) // its lease ends
	again, err := l.ClaimLogouts(t.Context(), 7, time.Hour)
	if err != nil || len(again) != 1 || again[0].Attempts != 2 || again[0].ClientID != "told" || again[0].Subject != "alice.testnet" || again[0].SID != "S0" {
		t.Fatalf("%+v %v", again, err)
	}
	must(t, l.ForgetLogout(t.Context(), again[0].ID))
	l.exec(`UPDATE logout_outbox SET due_at = now(), expires_at = now()`)
	if stale, err := l.ClaimLogouts(t.Context(), 7, time.Hour); err != nil || len(stale) != 0 {
		t.Errorf("expired rows are delivered: %v %v", stale, err)
	}
	if n, err := l.Sweep(t.Context()); n != 59 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
}

func values(m map[int64]int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for _, n := range m {
			if !yield(n) {
				return
			}
		}
	}
}

// L05: a client that does not answer waits for its own sake and holds up nobody else.
func TestDelayedLogoutMakesWayForOtherClients(t *testing.T) {
	l := newLogouts(t)
	for _, at := range []string{"told:S1", "told:S2", "also:S1"} {
		client, sid, _ := strings.Cut(at, ":")
		l.exec(`INSERT INTO logout_outbox (client_id, sid, subject) VALUES ($1, $2, 'alice.testnet')`, client, sid)
	}
	first, err := l.ClaimLogouts(t.Context(), 1, time.Hour)
	if err != nil || len(first) != 1 || first[0].ClientID != "told" {
		t.Fatalf("%+v %v", first, err)
	}
	must(t, l.DelayLogout(t.Context(), first[0], 10*time.Minute, time.Minute))
	next, err := l.ClaimLogouts(t.Context(), 5, time.Hour)
	if err != nil || len(next) != 1 || next[0].ClientID != "also" {
		t.Errorf("%+v %v", next, err)
	}
	if wait, err := l.NextLogout(t.Context()); err != nil || wait < 50*time.Second || wait > time.Minute {
		t.Errorf("the next is due in %s, %v", wait, err)
	}
	if got := l.list(`SELECT sid FROM logout_outbox WHERE client_id = 'told' AND due_at > now() + interval '9 minutes'`); got != first[0].SID {
		t.Errorf("delayed: %s", got)
	}
}

// A grant stays while its session does if its client is to be told of the end.
func TestSweepKeepsWhatALogoutNeeds(t *testing.T) {
	l := newLogouts(t)
	l.session("S1", "alice.testnet")
	for id, client := range map[string]string{"g1": "told", "g2": "mute"} {
		l.grant(id, client, "S1", "alice.testnet", "openid")
	}
	l.grant("g3", "told", "GONE", "alice.testnet", "openid")
	l.exec(`UPDATE grants SET expires_at = now() - interval '2 hours', max_expires_at = now() - interval '2 hours'`)
	if _, err := l.Sweep(t.Context()); err != nil || l.list(`SELECT id FROM grants`) != "g1" {
		t.Errorf("left: %s %v", l.list(`SELECT id FROM grants`), err)
	}
	l.end(1, true, "S1")
	if _, err := l.Sweep(t.Context()); err != nil || l.list(`SELECT id FROM grants`) != "" || l.list(outbox) != "told:S1:alice.testnet" {
		t.Errorf("left: %s, to be told: %s, %v", l.list(`SELECT id FROM grants`), l.list(outbox), err)
	}
}
