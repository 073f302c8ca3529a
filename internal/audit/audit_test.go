package audit_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"near-idp/internal/audit"
	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// A site is a database whose statements are counted, and a log.
type site struct {
	*testing.T
	*postgres.Store
	pool       *pgxpool.Pool
	statements atomic.Int64
	log        buffer
}

func (s *site) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	s.statements.Add(1)
	return ctx
}
func (s *site) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func newSite(t *testing.T) *site {
	t.Helper()
	t.Parallel()
	s := &site{T: t}
	cfg, err := pgxpool.ParseConfig(pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg.ConnConfig.Tracer = s
	if s.pool, err = pgxpool.NewWithConfig(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.pool.Close)
	s.Store = postgres.New(s.pool)
	return s
}

func (s *site) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(&s.log, nil)) }

// run runs a recorder until the returned function is called.
func (s *site) run(r *audit.Recorder) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }()
	return func() { cancel(); <-done }
}

func (s *site) count(where string) (n int) {
	s.Helper()
	if err := s.pool.QueryRow(s.Context(), `SELECT count(*) FROM audit_events WHERE `+where).Scan(&n); err != nil {
		s.Fatal(err)
	}
	return n
}

func (s *site) exec(sql string, args ...any) {
	s.Helper()
	if _, err := s.pool.Exec(s.Context(), sql, args...); err != nil {
		s.Fatal(err)
	}
}

// A buffer may be written to and read at once.
type buffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func (s *site) eventually(what string, is func() bool) {
	s.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("%s: not within 20s", what)
		}
	}
}

func refusal(address string) idp.Event {
	return idp.Event{Type: "token.refused", Outcome: idp.OutcomeRefused, Reason: "invalid_client", ClientID: "web", Address: address}
}

// O03: whoever sends thousands of hostile requests fills neither the disk nor the
// commit log, and hides nothing of what others do; how many there were is told.
func TestFloodOfOneSenderIsBoundedAndHidesNobody(t *testing.T) {
	s := newSite(t)
	r := audit.NewRecorder(s, s.logger())
	stop := s.run(r)
	const flood = 5000
	before := s.statements.Load()
	for i := range flood {
		r.Record(refusal(fmt.Sprintf("2001:db8::%x", i))) // one /64
	}
	r.Record(refusal("192.0.2.1"))
	stop()
	stored := s.count(`address LIKE '2001:db8::%'`)
	if stored < 300 || stored > 350 {
		t.Errorf("%d of %d refusals of one sender are stored", stored, flood)
	}
	if n := s.statements.Load() - before; n > 10 {
		t.Errorf("they took %d statements", n)
	}
	if n := s.count(`address = '192.0.2.1'`); n != 1 {
		t.Errorf("%d refusals of somebody else are stored", n)
	}
	if n := s.count(fmt.Sprintf(`type = 'audit.suppressed' AND (details ->> 'count')::int = %d`, flood-stored)); n != 1 {
		t.Errorf("%d events say how many were not stored", n)
	}
	if !strings.Contains(s.log.String(), "audit events suppressed") {
		t.Error("the log does not tell of the flood")
	}
}

// A database that hangs holds up no request, and what it does not take in time is counted.
func TestHangingDatabaseBlocksNoRequest(t *testing.T) {
	s := newSite(t)
	tx, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	r := audit.NewRecorder(s, s.logger())
	stop := s.run(r)
	start := time.Now()
	const sent = 5500
	for i := range sent {
		r.Record(refusal(fmt.Sprintf("10.%d.%d.1", i/250, i%250)))
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("recording took %s", took)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.eventually("what was queued is stored", func() bool { return s.count(`type = 'token.refused'`) >= 4096 })
	stop()
	stored := s.count(`type = 'token.refused'`)
	var counted int
	if err := s.pool.QueryRow(t.Context(), `SELECT coalesce(sum((details ->> 'count')::int), 0) FROM audit_events WHERE type = 'audit.suppressed'`).Scan(&counted); err != nil {
		t.Fatal(err)
	}
	if stored+counted != sent || counted == 0 {
		t.Errorf("%d stored and %d counted, of %d", stored, counted, sent)
	}
	if !strings.Contains(s.log.String(), "audit events lost") {
		t.Error("the log does not tell of the loss")
	}
}

// What is left when the database is gone for good is not lost silently.
func TestLossAtTheEndIsLogged(t *testing.T) {
	s := newSite(t)
	r := audit.NewRecorder(s, s.logger())
	s.pool.Close()
	r.Record(refusal("192.0.2.1"))
	s.run(r)()
	if log := s.log.String(); !strings.Contains(log, "audit events lost") || !strings.Contains(log, `"count":1`) {
		t.Errorf("the log: %s", log)
	}
}

// H04: nothing of a request can begin a line of a log, steer a terminal, turn text around, or fill a page.
func TestRequestValuesCannotForgeLinesOrSteerTerminals(t *testing.T) {
	t.Parallel()
	hostile := "a\r\n{\"msg\":\"audit\"}\x1b[2J\x00\x9b\u202e\u2028\xff" + strings.Repeat("x", 100_000)
	list := make([]string, 1000)
	for i := range list {
		list[i] = hostile
	}
	given := idp.Event{Type: hostile, Outcome: hostile, Reason: hostile, ClientID: hostile, AccountID: hostile, Subject: hostile, SID: hostile,
		RequestID: hostile, Address: hostile, Actor: hostile, Details: map[string]any{"given": hostile, "list": list, "n": 1}}
	text, err := json.Marshal(audit.Clean(given))
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 20_000 {
		t.Errorf("the row has %d bytes", len(text))
	}
	for _, bad := range []string{"\n", "\r", "\x1b", `\n`, `\r`, `\u001b`, `\u0000`, "\u202e", `\u202e`, "\u2028", `\u2028`, "\u009b"} {
		if strings.Contains(string(text), bad) {
			t.Errorf("the row holds %q", bad)
		}
	}
	if given.Details["given"] != hostile {
		t.Error("the caller's details are changed")
	}
	fine := idp.Event{Type: "login.succeeded", Details: map[string]any{"cause": "ěšč – 🔑 <b>&amp;'\""}}
	if got := audit.Clean(fine); got.Details["cause"] != fine.Details["cause"] {
		t.Errorf("changed to %q", got.Details["cause"])
	}
}

// A follower hears of an event whose statement took longer than those after it.
func TestFollowerMissesNoLateCommit(t *testing.T) {
	s := newSite(t)
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan idp.Event, 10)
	done := make(chan error, 1)
	s.exec(`INSERT INTO audit_events (type) VALUES ('before')`)
	last, err := s.LastEvent(ctx)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		done <- (&audit.Log{Store: s}).Follow(ctx, idp.EventFilter{Type: "wanted"}, last, func(e idp.Event) error { heard <- e; return nil })
	}()
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO audit_events (type) VALUES ('wanted.late')`); err != nil {
		t.Fatal(err)
	}
	s.exec(`INSERT INTO audit_events (type) VALUES ('other'), ('wanted.early')`)
	if e := <-heard; e.Type != "wanted.early" {
		t.Errorf("heard %s", e.Type)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if e := <-heard; e.Type != "wanted.late" {
		t.Errorf("heard %s", e.Type)
	}
	cancel()
	if err := <-done; err != context.Canceled || len(heard) > 0 {
		t.Errorf("ended with %v, %d more", err, len(heard))
	}
}

// Of two replicas one writes the log; the other goes on when it ends, and leaves nothing out.
func TestEveryEventIsWrittenByOneReplica(t *testing.T) {
	s := newSite(t)
	s.exec(`INSERT INTO audit_events (type, details) VALUES ('n1', '{"cause": "x\ny"}')`)
	var logs [2]buffer
	var stops [2]func()
	for i := range logs {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { audit.WriteLog(ctx, s, &logs[i], s.logger()); close(done) }()
		stops[i] = func() { cancel(); <-done }
		if i == 0 {
			s.eventually("the first line", func() bool { return logs[0].String() != "" })
		}
	}
	s.exec(`INSERT INTO audit_events (type) VALUES ('n2')`)
	s.eventually("the second line", func() bool { return strings.Count(logs[0].String(), "\n") == 2 })
	stops[0]()
	s.exec(`INSERT INTO audit_events (type) VALUES ('n3')`)
	s.eventually("the third line", func() bool { return logs[1].String() != "" })
	stops[1]()
	var got []string
	for scanner := bufio.NewScanner(strings.NewReader(logs[0].String() + logs[1].String())); scanner.Scan(); {
		var line struct{ Msg, Type, ID, Time string }
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil || line.Msg != "audit" || line.ID == "" || line.Time == "" {
			t.Errorf("a line: %s, %v", scanner.Text(), err)
		}
		got = append(got, line.Type)
	}
	if strings.Join(got, " ") != "n1 n2 n3" {
		t.Errorf("written: %v\nlog: %s", got, s.log.String())
	}
}
