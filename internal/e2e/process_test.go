package e2e

import (
	"net"
	"net/http"
	"strings"
	"testing"

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
