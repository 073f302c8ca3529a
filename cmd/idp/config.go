package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"near-idp/internal/clients"
	"near-idp/internal/config"
)

// loadConfig finds, reads and checks the configuration, its clients included.
func loadConfig(name string) (*config.Config, error) {
	_, cfg, err := findConfig(name)
	return cfg, err
}

func findConfig(name string) (path string, cfg *config.Config, err error) {
	if path, err = config.Find(name, os.LookupEnv); err != nil {
		return "", nil, err
	}
	cfg, _, err = loadFiles(path)
	return path, cfg, err
}

// loadFiles reads and checks the configuration at path, its clients included. It
// returns the files that it read, even after an error.
func loadFiles(path string) (*config.Config, *config.Files, error) {
	cfg, files, err := config.LoadFiles(path, os.LookupEnv)
	if err == nil {
		err = checkClients(cfg)
	}
	if err != nil {
		return nil, files, err
	}
	return cfg, files, nil
}

// clientDefaults are what the configuration says where a client says nothing.
func clientDefaults(cfg *config.Config) clients.Defaults {
	d := clients.Defaults{Alg: cfg.Signing.DefaultAlg, Algs: cfg.Signing.Algs, Lifetimes: cfg.Lifetimes.Default}
	for _, resource := range cfg.Resources {
		d.Scopes = append(d.Scopes, resource.Scopes...)
	}
	policies, rules := cfg.Policies()
	d.ClaimPolicies, d.AccessPolicies = policies.Known(), rules.Names()
	return d
}

// checkClients applies the registry's rules to the clients of the
// configuration, so that a mistake is found without a database.
func checkClients(cfg *config.Config) error {
	var problems []error
	defaults := clientDefaults(cfg)
	for i, c := range cfg.Clients {
		_, err := defaults.Validate(c.Client)
		if c.UsesSecret() {
			_, bad := clients.HashSecret(c.Secret)
			err = errors.Join(err, bad)
		}
		if err == nil {
			continue
		}
		where := cfg.Where(fmt.Sprintf("clients[%d]", i))
		for line := range strings.Lines(err.Error()) {
			problems = append(problems, fmt.Errorf("%s: %s", where, strings.TrimSuffix(line, "\n")))
		}
	}
	return errors.Join(problems...)
}

func runConfigValidate(_ context.Context, args []string) error {
	o := newOptions("config validate", "", `
Checks the configuration file: every key, value, variable and secret file, and
the clients. It reports all mistakes, each with its line, and asks no database
and no network.

Examples:
  idp config validate
  idp config validate --config /etc/idp/config.yaml`)
	name := configFlag(o)
	if _, err := o.parse(args, 0, 0); err != nil {
		return err
	}
	path, cfg, err := findConfig(*name)
	if err != nil {
		return err
	}
	for _, warning := range cfg.Warnings {
		fmt.Fprintln(os.Stderr, "idp: warning: "+warning)
	}
	fmt.Printf("%s is valid.\n", path)
	return nil
}

func runConfigPrint(_ context.Context, args []string) error {
	o := newOptions("config print", "", `
Prints the configuration in effect as YAML: the file with every default filled
in, every variable expanded and every secret replaced by [redacted].

Example:
  idp config print | less`)
	name := configFlag(o)
	if _, err := o.parse(args, 0, 0); err != nil {
		return err
	}
	cfg, err := loadConfig(*name)
	if err != nil {
		return err
	}
	return cfg.Print(os.Stdout)
}
