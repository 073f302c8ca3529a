package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
	"near-idp/internal/trial"
)

// What is looked at anew each time changes too.
func TestSettingsOfTheProcessChangeWithoutARestart(t *testing.T) {
	f := follow(t)
	changed := strings.Replace(followedConfig, "http://127.0.0.1:1]", "http://127.0.0.1:2]", 1) +
		"listen: {drain: 7s}\nproxy: {trusted: [10.0.0.0/8]}\naudit: {retention: 2d}\ntelemetry: {log: {level: debug}}\n"
	f.write("config.yaml", changed)
	f.wait("the application", func() bool { return f.applied() == 1 })
	if health := f.chain.Check(t.Context()); len(health) != 1 || health[0].Host != "127.0.0.1:2" {
		t.Errorf("asked are %+v", health)
	}
	if f.policies.drain() != 7*time.Second || f.policies.retention() != 48*time.Hour || f.level.Level() != slog.LevelDebug {
		t.Errorf("%v %v %v", f.policies.drain(), f.policies.retention(), f.level)
	}
	if !f.policies.trusts(netip.MustParseAddr("10.1.2.3")) || f.policies.trusts(netip.MustParseAddr("11.1.2.3")) {
		t.Error("the proxies are others")
	}
	if text := f.log.String(); strings.Contains(text, "restart to apply") || !strings.Contains(text, "[listen.drain proxy.trusted near.rpc audit.retention telemetry.log.level]") {
		t.Errorf("%s", text)
	}
}

// A flood that the limits let through is stopped while it goes on, and others are answered.
func TestLimitsAreTightenedDuringAnAttack(t *testing.T) {
	f := follow(t)
	ask := func(sender string) int {
		r := httptest.NewRequest("GET", "https://id.example.com/authorize?client_id=nobody", nil)
		r.RemoteAddr = sender + ":4711"
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		return w.Code
	}
	for range 50 {
		if got := ask("192.0.2.1"); got != http.StatusBadRequest {
			t.Fatalf("before the change: %d", got)
		}
	}
	f.write("config.yaml", followedConfig+"rate_limits: {authorize: 5/h, unfinished: off}\n")
	f.wait("the application", func() bool { return f.applied() == 1 })
	for range 5 {
		ask("192.0.2.1")
	}
	if got := ask("192.0.2.1"); got != http.StatusTooManyRequests {
		t.Errorf("above the new limit: %d", got)
	}
	if got := ask("198.51.100.1"); got != http.StatusBadRequest {
		t.Errorf("somebody else: %d", got)
	}
	if f.limits.unfinished.On() || !f.limits.accounts.On() {
		t.Error("those of sign-ins did not change")
	}
	f.write("config.yaml", followedConfig+"rate_limits: {authorize: off}\n")
	f.wait("the end", func() bool { return ask("192.0.2.1") == http.StatusBadRequest })
	if text := f.log.String(); strings.Contains(text, "restart to apply") || !strings.Contains(text, "rate_limits.authorize") {
		t.Errorf("%s", text)
	}
}

// A configuration is in force as a whole or not at all: what its clients are refused for keeps the rest out too.
func TestRefusedClientsKeepEverythingElseAsItWas(t *testing.T) {
	f := follow(t)
	mine := idp.Client{ID: "mine", ManagedBy: idp.ManagedByAPI, RedirectURIs: []string{"https://a.example/cb"}}
	if err := f.store.CreateClient(t.Context(), mine, idp.ClientSecret{}); err != nil {
		t.Fatal(err)
	}
	f.write("clients.d/more.yaml", fmt.Sprintf(publicClient, "mine"))
	f.write("config.yaml", strings.Replace(followedConfig, "http://127.0.0.1:1]", "http://127.0.0.1:2]", 1)+
		"proxy: {trusted: [10.0.0.0/8]}\nadmin: {accounts: [mallory.testnet]}\ntelemetry: {log: {level: debug}}\n")
	f.wait("the conflict", f.logged("not in force yet"))
	if f.policies.trusts(netip.MustParseAddr("10.1.2.3")) || len(f.policies.admins()) != 0 || f.level.Level() != slog.LevelInfo || f.chain.Check(t.Context())[0].Host != "127.0.0.1:1" {
		t.Error("half of it is in force")
	}
	if state := f.state(t.Context()); !strings.Contains(state, "not in force: ") {
		t.Errorf("it says %q", state)
	}
	f.write("clients.d/more.yaml", fmt.Sprintf(publicClient, "other"))
	f.wait("all of it", func() bool {
		return f.policies.trusts(netip.MustParseAddr("10.1.2.3")) && f.level.Level() == slog.LevelDebug
	})
	f.wait("the record", func() bool { return f.applied() == 1 })
	if state := f.state(t.Context()); state != "Serving https://id.example.com" {
		t.Errorf("it says %q", state)
	}
}

// A certificate moves to other files with the rest of a change, and one that cannot be used keeps all of it out.
func TestCertificateOfOtherFilesIsPartOfTheChange(t *testing.T) {
	f := &followed{T: t, dir: t.TempDir(), log: &journal{}}
	first, second := trial.NewCertificate(t), trial.NewCertificate(t)
	second.Renew(2)
	configure := func(c *trial.Certificate, more string) {
		f.write("config.yaml", strings.Replace(followedConfig, "clients_dir: clients.d\n", "", 1)+fmt.Sprintf("listen: {tls: {cert: %q, key: %q}, drain: %s}\n", c.Cert, c.Key, more))
	}
	configure(first, "0s")
	path := filepath.Join(f.dir, "config.yaml")
	cfg, files, err := loadFiles(path)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(f.log, nil))
	if f.provider, err = newProvider(t.Context(), cfg, postgres.New(pgtest.New(t)), providerOptions{Log: log}); err != nil {
		t.Fatal(err)
	}
	if f.certificate, err = openCertificate(cfg.Listen.TLS, log); err != nil {
		t.Fatal(err)
	}
	f.follower = &follower{path: path, files: files, running: cfg, settle: time.Millisecond, provider: f.provider, log: log}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { f.follower.follow(ctx, 20*time.Millisecond) })
	defer running.Wait()
	defer stop()
	serial := func() string { return f.certificate.current.Load().Leaf.SerialNumber.String() }

	second.Break()
	configure(second, "3s")
	f.wait("the refusal", f.logged("listen.tls: "))
	if serial() != "1" || f.policies.drain() != 0 {
		t.Errorf("certificate %s, drain %v", serial(), f.policies.drain())
	}
	second.Renew(2)
	f.wait("the other certificate", func() bool { return serial() == "2" && f.policies.drain() == 3*time.Second })
}
