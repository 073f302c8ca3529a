package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"near-idp/internal/config"
	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

// A journal is a log that can be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// A followed provider runs over files that the test changes.
type followed struct {
	*testing.T
	*provider
	dir string
	log *journal
}

const followedConfig = `issuer: https://id.example.com
near: {network: testnet, rpc: [http://127.0.0.1:1]}
encryption: {keys: [kkkk0123456789abcdef0123456789ab]}
clients_dir: clients.d
`

const publicClient = "client_id: %s\nredirect_uris: [https://%[1]s.example/cb]\ntoken_endpoint_auth_method: none\n"

func follow(t *testing.T) *followed {
	t.Helper()
	f := &followed{T: t, dir: t.TempDir(), log: &journal{}}
	if err := os.Mkdir(filepath.Join(f.dir, "clients.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	f.write("config.yaml", followedConfig)
	f.write("clients.d/first.yaml", fmt.Sprintf(publicClient, "first"))
	path := filepath.Join(f.dir, "config.yaml")
	cfg, files, err := loadFiles(path)
	if err != nil {
		t.Fatal(err)
	}
	level := &slog.LevelVar{}
	log := slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: level}))
	f.provider, err = newProvider(t.Context(), cfg, postgres.New(pgtest.New(t)), providerOptions{Log: log, Level: level})
	if err != nil {
		t.Fatal(err)
	}
	f.follower = &follower{path: path, files: files, running: cfg, settle: 20 * time.Millisecond, provider: f.provider, log: log}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { f.follower.follow(ctx, 20*time.Millisecond) })
	t.Cleanup(func() { stop(); running.Wait() })
	return f
}

func (f *followed) write(name, text string) {
	f.Helper()
	// Another file in its place, so that no reader sees half of it.
	path := filepath.Join(f.dir, name)
	if err := errors.Join(os.WriteFile(path+"~", []byte(text), 0o600), os.Rename(path+"~", path)); err != nil {
		f.Fatal(err)
	}
}

// wait waits until done is true.
func (f *followed) wait(what string, done func() bool) {
	f.Helper()
	for end := time.Now().Add(15 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			f.Fatalf("%s: not in time; the log is\n%s", what, f.log)
		}
	}
}

func (f *followed) serves(id string) bool {
	c, err := f.clients.Client(f.Context(), id)
	return err == nil && c.ID == id
}

func (f *followed) logged(text string) func() bool {
	return func() bool { return strings.Contains(f.log.String(), text) }
}

func (f *followed) applied() int { return strings.Count(f.log.String(), "configuration applied") }

func TestClientsOfChangedFilesAreServedWithoutARestart(t *testing.T) {
	f := follow(t)
	f.write("clients.d/second.json", `{"client_id": "second", "redirect_uris": ["https://second.example/cb"], "secret": "file:secret", "claim_policy": "near", "access_policy": "staff"}`)
	f.wait("a client that lacks its secret", f.logged("cannot read the secret file"))
	f.write("clients.d/secret", strings.Repeat("s", 32))
	f.wait("a client that lacks its policies", f.logged(`access_policy: \"staff\" is not known`))
	if f.serves("second") {
		t.Error("half applied")
	}
	f.write("config.yaml", followedConfig+"access_policies: {staff: {allow: [alice.testnet]}}\nclaim_policies: {near: {}}\n")
	f.wait("the client and its policies", func() bool { return f.serves("second") })
	f.wait("the end", func() bool { return f.applied() == 1 })
	second, err := f.clients.Client(t.Context(), "second")
	if err != nil || second.Source != filepath.Join(f.dir, "clients.d/second.json") {
		t.Errorf("%+v, %v", second, err)
	}
	if f.policies.allowed(second, "alice.testnet") != nil || f.policies.allowed(second, "mallory.testnet") == nil {
		t.Error("the access policy is not in force")
	}
	// A secret that is replaced in its file.
	before := second.Secrets[0].Hash
	f.write("clients.d/secret", strings.Repeat("t", 32))
	f.wait("the new secret", func() bool {
		c, err := f.clients.Client(t.Context(), "second")
		return err == nil && !bytes.Equal(c.Secrets[0].Hash, before)
	})
	// A policy alone.
	f.write("config.yaml", followedConfig+"access_policies: {staff: {allow: [mallory.testnet]}}\nclaim_policies: {near: {}}\n")
	f.wait("the new policy", func() bool { return f.policies.allowed(second, "mallory.testnet") == nil })
	// A file that goes.
	if err := os.Remove(filepath.Join(f.dir, "clients.d/first.yaml")); err != nil {
		t.Fatal(err)
	}
	f.wait("the client that left", func() bool { return !f.serves("first") })
	f.wait("the records", func() bool { return f.applied() == 4 })
	events, err := f.store.Events(t.Context(), idp.EventFilter{Type: "config.applied", Limit: 10})
	if err != nil || len(events) != 5 || events[0].Actor != idp.ActorConfig || events[3].Details["clients_created"] != float64(1) {
		t.Errorf("%+v, %v", events, err)
	}
	if text := f.log.String(); strings.Contains(text, "ssssssss") || strings.Contains(text, "tttttttt") {
		t.Error("the log has a secret")
	}
}

func TestBrokenFileKeepsWhatRunsAndIsReportedOnce(t *testing.T) {
	f := follow(t)
	f.write("clients.d/first.yaml", fmt.Sprintf(publicClient, "renamed")+"redirectUris: []\n")
	f.wait("the mistake", f.logged(`clients.d/first.yaml:4: redirectUris: unknown key; did you mean`))
	time.Sleep(200 * time.Millisecond)
	if n := strings.Count(f.log.String(), "is not used"); n != 1 || !f.serves("first") || f.serves("renamed") {
		t.Errorf("reported %d times\n%s", n, f.log)
	}
	// An empty volume is a mistake too, never an empty list.
	if err := os.Rename(filepath.Join(f.dir, "clients.d"), filepath.Join(f.dir, "away")); err != nil {
		t.Fatal(err)
	}
	f.wait("the directory that vanished", f.logged("clients_dir: cannot read the directory"))
	if err := os.Mkdir(filepath.Join(f.dir, "clients.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	f.wait("the empty directory", f.logged(`has no *.yaml`))
	if !f.serves("first") {
		t.Error("the clients are gone")
	}
	f.write("clients.d/first.yaml", fmt.Sprintf(publicClient, "renamed"))
	f.wait("the corrected file", func() bool { return f.serves("renamed") && !f.serves("first") })
}

func TestConflictWithARegisteredClientAppliesNothingUntilItIsResolved(t *testing.T) {
	f := follow(t)
	if err := f.store.CreateClient(t.Context(), idp.Client{ID: "mine", ManagedBy: idp.ManagedByAPI, RedirectURIs: []string{"https://a.example/cb"}}, idp.ClientSecret{}); err != nil {
		t.Fatal(err)
	}
	f.write("clients.d/more.yaml", "- "+strings.ReplaceAll(fmt.Sprintf(publicClient, "new"), "\n", "\n  ")+"\n- "+strings.ReplaceAll(fmt.Sprintf(publicClient, "mine"), "\n", "\n  "))
	f.wait("the conflict", f.logged(`clients.d/more.yaml:5: [1] has it too; it was registered with`))
	time.Sleep(200 * time.Millisecond)
	if n := strings.Count(f.log.String(), "not in force yet"); n != 1 || f.serves("new") {
		t.Errorf("reported %d times, half applied: %v", n, f.serves("new"))
	}
	mine, err := f.store.Client(t.Context(), "mine")
	if err != nil || f.store.DeleteClient(t.Context(), mine) != nil {
		t.Fatal(err)
	}
	f.wait("both clients", func() bool { return f.serves("new") && f.serves("mine") })
}

func TestKeysThatNeedARestartAreNamed(t *testing.T) {
	f := follow(t)
	f.write("config.yaml", followedConfig+"listen: {public: ':9999'}\nlifetimes: {default: {code: 30s}}\nresources: [{uri: https://api.example.com, scopes: [read]}]\n")
	f.wait("the application of the rest", func() bool { return f.applied() == 1 })
	for _, key := range []string{"listen.public", "lifetimes.default.code", "resources"} {
		if !strings.Contains(f.log.String(), key+" changed: restart to apply") {
			t.Errorf("%s is not named", key)
		}
	}
	if text := f.log.String(); strings.Contains(text, "clients_dir changed") {
		t.Error(text)
	}
	// What would be valid only after the restart waits for it.
	f.write("clients.d/reader.yaml", fmt.Sprintf(publicClient, "reader")+"scope: openid read\n")
	f.wait("the scope that does not exist yet", f.logged(`scope \"read\" is not known`))
	if f.serves("reader") {
		t.Error("served with a scope that nobody knows")
	}
}

func TestHangupReadsAtOnceAndOutagesAreWaitedFor(t *testing.T) {
	f := &followed{T: t, dir: t.TempDir(), log: &journal{}}
	pool := pgtest.New(t)
	f.write("config.yaml", strings.Replace(followedConfig, "clients_dir: clients.d\n", "", 1))
	path := filepath.Join(f.dir, "config.yaml")
	cfg, files, err := loadFiles(path)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(f.log, nil))
	if f.provider, err = newProvider(t.Context(), cfg, postgres.New(pool), providerOptions{Log: log}); err != nil {
		t.Fatal(err)
	}
	f.follower = &follower{path: path, files: files, running: cfg, settle: time.Millisecond, provider: f.provider, log: log}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { f.follower.follow(ctx, time.Hour) })
	defer running.Wait()
	defer stop()
	f.write("config.yaml", string(must(os.ReadFile(path)))+"clients: [{client_id: web, redirect_uris: ['https://a.example/cb'], token_endpoint_auth_method: none}]\n")
	hangup := func() bool {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		return f.serves("web")
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP) // the test may be quicker than the follower
	defer signal.Stop(signals)
	f.wait("the client after a hang-up", hangup)
	pool.Close()
	f.wait("the outage", func() bool { hangup(); return f.logged("not in force yet")() })
	if !f.serves("web") {
		t.Error("an outage took what ran")
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func TestDifferencesNameEveryKey(t *testing.T) {
	t.Parallel()
	a := config.Default(os.LookupEnv)
	b := config.Default(os.LookupEnv)
	b.Listen.Public, b.Near.RPC, b.Database.URL = ":1", []string{"https://rpc.example"}, "postgres://u:hunter2@h/d"
	got := strings.Join(config.Differences(a, b), " ")
	if got != "listen.public database.url near.rpc" || len(config.Differences(a, a)) != 0 {
		t.Errorf("%s", got)
	}
}

// Whoever is taken off the list administers nothing any more, without a restart.
func TestAdministratorsChangeWithoutARestart(t *testing.T) {
	f := follow(t)
	f.write("config.yaml", followedConfig+"admin: {accounts: [alice.testnet, bob.testnet]}\n")
	f.wait("two administrators", func() bool { return len(f.policies.admins()) == 2 })
	f.write("config.yaml", followedConfig+"admin: {accounts: [bob.testnet]}\n")
	f.wait("one of them", func() bool { return len(f.policies.admins()) == 1 && f.policies.admins()[0] == "bob.testnet" })
	f.write("config.yaml", followedConfig+"admin: {accounts: [bob.testnet], url: 'https://admin.example.com'}\n")
	f.wait("what needs a restart", f.logged("admin.url changed: restart to apply"))
}
