package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
)

// A subject is a program under measurement, or one way of using it.
type subject struct {
	name          string
	issuer, host  string // host as requests name it
	address       string // to connect to
	client        string
	authorization string // header line of the client
	machine       string // header line of the client that gets tokens for itself
	*process
	database string // its name
}

func (s *site) subject(name, port, client, database string, p *process) *subject {
	basic := func(id string) string {
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+s.secret)) + "\r\n"
	}
	host := "localhost:" + port
	sub := &subject{name: name, issuer: "http://" + host, host: host, address: "127.0.0.1:" + port,
		client: client, authorization: basic(client), machine: basic(client), process: p, database: database}
	return sub
}

// startFloor starts the floor program over a database of its own, with or
// without the question to the chain.
func (s *site) startFloor(ctx context.Context, name string, asks bool) (*subject, error) {
	database, err := s.createDatabase(ctx, "floor")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	const client = "bench-es256"
	args := []string{"-listen", "127.0.0.1:" + port, "-issuer", "http://localhost:" + port, "-dsn", s.dsn(database),
		"-client", client, "-secret", s.secret, "-redirect", redirectURI}
	if asks {
		args = append(args, "-rpc", s.rpc)
	}
	p, err := s.launch(ctx, "http://localhost:"+port, s.floor, args...)
	if err != nil {
		return nil, err
	}
	return s.subject(name, port, client, database, p), nil
}

// A setting changes the configuration of a provider.
type setting struct{ limits, near, clients, more string }

// startProvider starts "idp serve" over a database.
func (s *site) startProvider(ctx context.Context, name, database string, set setting) (*subject, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	issuer := "http://localhost:" + port
	config, err := s.config(name, issuer, fmt.Sprintf("url: %q", s.dsn(database)), set)
	if err != nil {
		return nil, err
	}
	p, err := s.launch(ctx, issuer, s.binary, "serve", "--config", config)
	if err != nil {
		return nil, err
	}
	sub := s.subject(name, port, clientID("ES256"), database, p)
	sub.machine = s.subject("", port, machineClient, database, nil).authorization
	return sub, nil
}

// with is the same program as another client sees it.
func (s *site) with(sub *subject, name, client string) *subject {
	other := s.subject(name, sub.host[len("localhost:"):], client, sub.database, sub.process)
	other.machine = sub.machine
	return other
}

// algorithms sign the ID tokens of one client each.
var algorithms = []string{"RS256", "ES256"}

func clientID(alg string) string {
	return map[string]string{"RS256": "bench-rs256", "ES256": "bench-es256"}[alg]
}

const (
	machineClient = "bench-machine"
	machineScope  = "files.read"
)

// noLimits are for loads that all come from one address.
const noLimits = "rate_limits: {authorize: off, verify: off, token: off, par: off, token_failures: off}\n"

// config writes the configuration of a provider over a database, which is one
// line of the section "database", and returns its file. Access tokens are signed with signing.default_alg.
func (s *site) config(name, issuer, database string, set setting) (string, error) {
	if set.limits == "" {
		set.limits = noLimits
	}
	text := fmt.Sprintf(`issuer: %s
listen: {public: "127.0.0.1:%s", admin: "off", ops: "off"}
database:
  %s
encryption: {keys: [%q]}
signing: {default_alg: ES256}
near: {network: testnet, rpc: [%q]%s}
resources: [{uri: "https://files.example.com", scopes: [%s]}]
%s%sclients:
  - {client_id: %q, grant_types: [client_credentials], scope: %q, secret: %q}
`, issuer, issuer[len("http://localhost:"):], database, s.secret, s.rpc, set.near, machineScope, set.limits, set.more, machineClient, machineScope, s.secret)
	for _, alg := range algorithms {
		text += fmt.Sprintf("  - {client_id: %q, client_name: Bench, redirect_uris: [%q], secret: %q, first_party: true, id_token_signed_response_alg: %s}\n",
			clientID(alg), redirectURI, s.secret, alg)
	}
	file := filepath.Join(s.dir, name+".yaml")
	return file, os.WriteFile(file, []byte(text+set.clients), 0o600)
}
