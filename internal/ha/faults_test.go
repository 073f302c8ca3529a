package ha

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"near-idp/internal/neartest"
)

// O01 and O02 of security-checks.md: faults of every part under load. IDP_HA=full or short runs it; `make ha` does.
func TestFaultsUnderLoad(t *testing.T) {
	units := map[string]time.Duration{"full": 8 * time.Second, "short": 1500 * time.Millisecond}
	unit, run := units[os.Getenv("IDP_HA")]
	if !run {
		t.Skip("it takes minutes: run `make ha`")
	}
	s := newSite(t, unit)
	stop := s.work(8)

	s.begin("no fault")
	time.Sleep(s.unit)
	s.recovers()
	s.begin("replica killed (SIGKILL)")
	s.quiet("without a fault")
	s.killReplica()
	s.begin("rolling restart")
	s.rollingRestart()
	s.begin("database cut off")
	s.quiet("a rolling restart")
	lives := s.lives()
	s.cutDatabase()
	s.begin("database silent")
	s.silenceDatabase()
	s.begin("database slow (300 ms)")
	s.slowDatabase()
	s.begin("standby gone, then back")
	s.uncut()
	s.stopStandby()
	s.begin("every RPC provider hangs")
	s.hangChains()
	s.begin("one provider lies")
	s.lie()
	s.begin("clock of a replica jumps")
	s.jump()
	s.begin("primary killed, standby promoted")
	s.quiet("a wrong clock")
	s.failOver()
	s.begin("old primary comes back")
	s.uncut()
	s.returnOldPrimary()
	s.begin("afterwards")
	s.uncut()
	time.Sleep(s.unit)
	s.recovers()
	held := stop()
	s.begin("")
	s.quiet("the faults were over")
	if s.lives() != lives {
		t.Errorf("replicas ended or were started: %v, before %v", s.lives(), lives)
	}
	s.settle(held)
	t.Log("\n" + table(s.phases))
}

// quiet holds the last phase to no failure at all.
func (s *site) quiet(what string) {
	s.Helper()
	if p := s.last(); p.cut+p.unavailable > 0 {
		s.Errorf("%s: %d requests of %d were cut, %d told to come back", what, p.cut, p.requests, p.unavailable)
	}
}

// uncut holds the last phase to no connection that a replica broke: only a killed one may.
func (s *site) uncut() {
	s.Helper()
	if p := s.last(); p.cut > 0 {
		s.Errorf("%s: %d requests of %d were cut", p.name, p.cut, p.requests)
	}
}

// lives are the process ids of the replicas.
func (s *site) lives() (pids [2]int) {
	for i, r := range s.replicas {
		select {
		case <-r.Done:
			s.Errorf("replica %d ended: %v", i, r.Err)
		default:
			pids[i] = r.Cmd.Process.Pid
		}
	}
	return pids
}

func (s *site) killReplica() {
	r := s.replicas[0]
	if err := r.Cmd.Process.Kill(); err != nil {
		s.Fatal(err)
	}
	<-r.Done
	time.Sleep(s.unit)
	s.start(r)
	s.recovers()
}

func (s *site) rollingRestart() {
	for i, r := range s.replicas {
		if err := r.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
			s.Fatal(err)
		}
		select {
		case <-r.Done:
			if r.Err != nil {
				s.Errorf("replica %d after SIGTERM: %v", i, r.Err)
			}
		case <-time.After(20 * time.Second):
			s.Fatalf("replica %d does not end", i)
		}
		s.start(r)
		time.Sleep(time.Second) // the proxy looks for readiness at its own pace
	}
	s.recovers()
}

func (s *site) cutDatabase() {
	for range 2 {
		s.network.cut("one", true)
		time.Sleep(s.unit / 2)
		s.network.cut("one", false)
		s.recovers()
	}
}

func (s *site) silenceDatabase() {
	s.network.swallow("one")
	time.Sleep(s.unit)
	s.network.mend("one", "upstream", "downstream")
	s.recovers()
}

func (s *site) slowDatabase() {
	s.network.slow("one", 300*time.Millisecond, 100*time.Millisecond)
	time.Sleep(s.unit)
	s.network.mend("one", "downstream")
	s.recovers()
}

// stopStandby has every commit wait for a standby that is not there.
func (s *site) stopStandby() {
	s.standby.Kill(s)
	time.Sleep(s.unit)
	if err := s.standby.Restart(s.Context()); err != nil {
		s.Fatal(err)
	}
	s.recovers()
}

func (s *site) hangChains() {
	for _, chain := range s.chains {
		chain.SetMode(neartest.Timeout)
	}
	time.Sleep(s.unit)
	for _, chain := range s.chains {
		chain.SetMode(neartest.OK)
	}
	s.recovers()
}

func (s *site) lie() {
	for _, mode := range []neartest.Mode{neartest.WrongChain, neartest.Stale, neartest.Malformed, neartest.Down500} {
		s.chains[0].SetMode(mode)
		time.Sleep(s.unit / 2)
	}
	s.chains[0].SetMode(neartest.OK)
	s.recovers()
}

func (s *site) jump() {
	for _, by := range []time.Duration{time.Hour, -time.Hour, 0} {
		s.skew(s.replicas[1], by)
		time.Sleep(s.unit)
	}
	s.recovers()
}

func (s *site) failOver() {
	s.primary.Kill(s)
	time.Sleep(s.unit / 4)
	s.standby.Promote(s)
	s.now = s.standby
	s.recovers()
}

// returnOldPrimary starts it as it was: nobody told it that another took its place.
func (s *site) returnOldPrimary() {
	if err := s.primary.Restart(s.Context()); err != nil {
		s.Fatal(err)
	}
	before := s.primary.Ask(s, written)
	time.Sleep(s.unit)
	s.recovers()
	// A replica that begins now has not seen the promotion.
	s.primary.Do(s, `ALTER SYSTEM SET synchronous_standby_names = ''`)
	s.primary.Do(s, `SELECT pg_reload_conf()`)
	if _, err := s.command(s.Context(), "client", "create", "--config", s.replicas[0].config, "--local", "--id", "late", "--redirect-uri", redirectURI); err != nil {
		s.Error(err)
	}
	if s.now.Ask(s, `SELECT count(*) FROM clients WHERE id = 'late'`) != "1" {
		s.Error("a command wrote to the primary of the past")
	}
	if after := s.primary.Ask(s, written); after != before {
		s.Errorf("somebody writes to the primary of the past: %s, before %s", after, before)
	}
}

const written = `SELECT (SELECT count(*) FROM logins) || ' logins, ' || (SELECT count(*) FROM grants) || ' grants, ' || (SELECT count(*) FROM clients) || ' clients'`

// settle holds the database, and the provider, to all that was acknowledged.
func (s *site) settle(held []*grant) {
	s.Helper()
	alive := s.lookAt(held)
	for what, query := range map[string]string{
		"grants that two codes were redeemed for": `SELECT count(*) FROM (SELECT 1 FROM audit_events WHERE type = 'token.issued' GROUP BY details ->> 'grant_id' HAVING count(*) > 1) AS twice`,
		"nonces of two logins":                    `SELECT count(*) FROM (SELECT 1 FROM logins GROUP BY nonce HAVING count(*) > 1) AS twice`,
		"grants of two logins":                    `SELECT count(*) FROM (SELECT 1 FROM logins WHERE grant_id IS NOT NULL GROUP BY grant_id HAVING count(*) > 1) AS twice`,
		"sessions of two logins":                  `SELECT count(*) FROM (SELECT 1 FROM logins WHERE sid IS NOT NULL GROUP BY sid HAVING count(*) > 1) AS twice`,
	} {
		if n := s.now.Ask(s, query); n != "0" {
			s.Errorf("%s: %s", what, n)
		}
	}
	if wrong := s.ledger.problems(); wrong != "" {
		s.Error(wrong)
	}
	if alive == 0 {
		s.Error("no grant is left to look at")
	}
	s.Logf("%d grants were acknowledged, %d of them are alive and were refreshed once more", len(held), alive)
}

// lookAt refreshes and introspects every grant once more, and returns how many are alive.
func (s *site) lookAt(held []*grant) int {
	ctx, cancel := context.WithTimeout(s.Context(), 5*time.Minute)
	defer cancel()
	const parallel = 8
	var group sync.WaitGroup
	for i := range parallel {
		group.Go(func() {
			a := newApplication(ctx, s.issuer, s.ledger)
			for at := i; at < len(held); at += parallel {
				if err := errors.Join(a.rotate(held[at]), a.introspect(held[at])); err != nil {
					s.Errorf("after the faults: %v", err)
					return
				}
			}
		})
	}
	group.Wait()
	alive := 0
	for _, g := range held {
		if !g.dead {
			alive++
		}
	}
	return alive
}
