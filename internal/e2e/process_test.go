package e2e

import (
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"near-idp/internal/pgtest"
	"near-idp/internal/trial"
)

// A process is one running `idp serve`.
type process struct {
	*site
	*trial.Process
	base   string // where it listens; the issuer for the first of a site
	config string
}

func TestTerminationIsCleanAndQuick(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	tokens := p.signIn("rs256", "openid")
	// Browsers open connections in reserve; nothing is ever sent on this one.
	reserve, err := net.Dial("tcp", strings.TrimPrefix(p.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer reserve.Close()
	p.Stop()
	if _, err := http.Get(p.base + "/healthz"); err == nil {
		t.Error("it still answers")
	}
	if !strings.Contains(p.Written.String(), "shutting down") || tokens["id_token"] == nil {
		t.Error(p.Written.String())
	}
}

// A load balancer learns that the process leaves before anybody is refused.
func TestDrainingProcessSaysSoAndAnswersOn(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.drain = "5m"
	p := s.serve()
	b := p.browser()
	p.register("leaver")
	if r := b.send("GET", "/authorize?"+newRequest("leaver", "openid").form().Encode(), "", "Accept", typeJSON); r.status >= http.StatusBadRequest {
		t.Fatalf("%d %s", r.status, r.body)
	}
	p.terminate()
	eventually(t, "unready", readyLimit, func() bool { return b.send("GET", "/readyz", "").status == http.StatusServiceUnavailable })
	if r := b.send("GET", "/readyz", ""); r.text("error") != "not_ready" || !strings.Contains(r.body, "shutting down") {
		t.Errorf("readyz: %d %s", r.status, r.body)
	}
	if tokens := p.signIn("rs256", "openid"); tokens["id_token"] == nil {
		t.Error("nobody can sign in while it drains")
	}
	// Who is shut out meanwhile stays out: changes are followed to the end.
	p.run("client", "disable", "leaver", "--config", p.config)
	asked := newRequest("leaver", "openid").form()
	eventually(t, "the disabled client", readyLimit, func() bool {
		return b.send("GET", "/authorize?"+asked.Encode(), "", "Accept", typeJSON).status >= http.StatusBadRequest
	})
	response, err := http.Get(p.base + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK || !response.Close {
		t.Errorf("healthz: %s, and the connection stays open: %v", response.Status, !response.Close)
	}
	// Whoever has no patience sends a second signal.
	p.terminate()
	p.awaitEnd()
}

func TestDrainedProcessEndsCleanly(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.drain = "1s"
	p := s.serve()
	p.terminate()
	began := time.Now()
	p.awaitEnd()
	if p.Err != nil || time.Since(began) < 900*time.Millisecond {
		t.Errorf("after %v: %v\n%s", time.Since(began), p.Err, p.Written.String())
	}
}

func (p *process) terminate() {
	p.Helper()
	if err := p.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.Fatal(err)
	}
}

func (p *process) awaitEnd() {
	p.Helper()
	select {
	case <-p.Done:
	case <-time.After(readyLimit):
		p.Fatal("still running")
	}
}
