package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"near-idp/internal/localpg"
	"near-idp/internal/neartest"
)

// people sign in by turns: so many that the few seconds for which an answer of
// the chain is kept save no question.
const people = 4096

// A site is all that a provider needs: a database on disk, a chain with
// accounts on it, and a configuration.
type site struct {
	dir      string
	binary   string
	issuer   string
	database *localpg.Server
	chain    *http.Server
	rpc      string // URL of the chain
	people   []*person
	secret   string // of every client, and the encryption key
}

// newSite starts everything but the provider.
func newSite(ctx context.Context, binary string) (*site, error) {
	if runtime.GOOS != "linux" {
		return nil, errors.New("CPU time and memory are read from /proc, which only Linux has")
	}
	s := &site{binary: binary, secret: rand.Text() + rand.Text()}
	if err := s.start(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *site) start(ctx context.Context) error {
	var err error
	if s.dir, err = directory(ctx); err != nil {
		return err
	}
	if s.database, err = localpg.Start(ctx, localpg.Options{Dir: filepath.Join(s.dir, "external")}); err != nil {
		return err
	}
	if err := s.startChain(); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	s.issuer = "http://localhost:" + port
	return nil
}

// directory makes one in which PostgreSQL can run, on a disk if there is one.
func directory(ctx context.Context) (string, error) {
	var failed error
	for _, parent := range []string{"/var/tmp", os.TempDir(), "/tmp"} {
		if err := localpg.Reachable(ctx, filepath.Join(parent, "idp-bench-x", "x")); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		dir, err := os.MkdirTemp(parent, "idp-bench-")
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		// As root, PostgreSQL runs as another account, which has to pass.
		return dir, os.Chmod(dir, 0o711)
	}
	return "", failed
}

func (s *site) startChain() error {
	chain := neartest.NewChain("testnet")
	for i := range people {
		p := newPerson(fmt.Sprintf("person-%d.testnet", i))
		chain.AddKey(p.wallet.AccountID, p.key, neartest.FullAccess)
		s.people = append(s.people, p)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.rpc = "http://" + listener.Addr().String()
	s.chain = &http.Server{Handler: chain}
	go func() { _ = s.chain.Serve(listener) }()
	return nil
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}

func (s *site) close() {
	if s.chain != nil {
		s.chain.Close()
	}
	if s.database != nil {
		if err := s.database.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}

// config writes the configuration of a provider over a database, which is one
// line of the section "database", and returns its file.
func (s *site) config(name, database string) (string, error) {
	text := fmt.Sprintf(`issuer: %s
listen: {public: "127.0.0.1:%s", admin: "off"}
database:
  %s
encryption: {keys: [%q]}
near: {network: testnet, rpc: [%q]}
rate_limits: {authorize: off, verify: off, token: off, par: off, token_failures: off}
clients:
`, s.issuer, s.issuer[strings.LastIndexByte(s.issuer, ':')+1:], database, s.secret, s.rpc)
	for _, alg := range algorithms {
		text += fmt.Sprintf("  - {client_id: %q, client_name: Bench, redirect_uris: [%q], secret: %q, first_party: true, id_token_signed_response_alg: %s}\n",
			clientID(alg), redirectURI, s.secret, alg)
	}
	file := filepath.Join(s.dir, name+".yaml")
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// measureStarts starts the provider several times over a database that has its
// schema, and so also finds how much memory it takes with nothing to do.
func (s *site) measureStarts(ctx context.Context, r *report, times int) error {
	r.section("Start of serve until /readyz answers, existing database")
	for _, way := range []struct{ name, database string }{
		{"with database.url", fmt.Sprintf("url: %q", s.database.DSN())},
		{"with the built-in PostgreSQL", fmt.Sprintf("data_dir: %q", filepath.Join(s.dir, "built-in"))},
	} {
		config, err := s.config("start", way.database)
		if err != nil {
			return err
		}
		var took []time.Duration
		for i := range 1 + times {
			p, err := s.serve(ctx, config)
			if err != nil {
				return err
			}
			if i > 0 { // the first one creates the database
				took = append(took, p.took)
			}
			if err := p.stop(); err != nil {
				return fmt.Errorf("stop idp serve: %w", err)
			}
		}
		slices.Sort(took)
		r.atMost(way.name, quantile(took, 0.5).Seconds(), 1, "%.3f s")
	}
	return nil
}
