package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/config"
	"near-idp/internal/idp"
	"near-idp/internal/keyring"
	"near-idp/internal/systemd"
)

const (
	// configCheck is how soon a changed configuration is noticed.
	configCheck = 10 * time.Second
	// configSettle is how long its files must have stayed the same: whoever writes
	// several, or a long one, is not done at once, and half a file may well be valid.
	configSettle = time.Second
)

// configPatience is how long the database may take to apply one.
const configPatience = 30 * time.Second

// A follower keeps a running provider in step with its configuration. What cannot
// be used leaves everything as it was.
type follower struct {
	path     string
	files    *config.Files  // as they were read last
	running  *config.Config // what is in force; keys that need a restart are those of the start
	next     *config.Config // read, but not in force yet; nil: none
	settle   time.Duration
	provider *provider
	log      *slog.Logger
	problem  atomic.Pointer[string] // why what was read last is not in force; nil: it is
	applied  atomic.Uint64          // how often another one came into force
	refused  atomic.Uint64          // how often another one did not
	restart  atomic.Pointer[string] // the keys that need a restart; nil: none
}

// follow reads the files again when they change, or at once on SIGHUP, until ctx ends.
func (f *follower) follow(ctx context.Context, interval time.Duration) {
	ctx = idp.WithOrigin(ctx, idp.Origin{Actor: idp.ActorConfig})
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		again := false
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			again = true
			if !f.provider.ready.stopping.Load() {
				f.provider.herald.tell("Reading the configuration again", systemd.Reloading())
			}
			if f.provider.certificate != nil {
				f.provider.certificate.renew(true)
			}
		case <-ticker.C:
		}
		if again || f.files.Changed() {
			f.read(ctx)
		}
		if f.next != nil {
			f.apply(ctx)
		}
		if again && !f.provider.ready.stopping.Load() {
			f.provider.herald.tell(f.provider.state(ctx), systemd.Ready)
		}
	}
}

// fail notes why the configuration that was read is not in force, and says so once.
func (f *follower) fail(message string, err error) {
	text := err.Error()
	if said := f.problem.Swap(&text); said == nil || *said != text {
		f.log.Error(message, "err", err)
		f.refused.Add(1)
	}
}

// read reads the configuration once it stays the same.
func (f *follower) read(ctx context.Context) {
	cfg, files, err := loadFiles(f.path)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(f.settle):
		}
		if !files.Changed() {
			break
		}
		cfg, files, err = loadFiles(f.path)
	}
	f.files, f.next = files, nil
	f.problem.Store(nil)
	if err != nil {
		f.fail("the changed configuration is not used, what was in force stays", err)
		return
	}
	for _, warning := range cfg.Warnings {
		f.log.Warn(warning)
	}
	waiting := config.Differences(f.running.WithLive(cfg), cfg)
	for _, key := range waiting {
		f.log.Warn(key + " changed: restart to apply")
	}
	f.restart.Store(nil)
	if len(waiting) > 0 {
		keys := strings.Join(waiting, ", ")
		f.restart.Store(&keys)
	}
	f.next = cfg
}

// apply puts what was read in force. First comes what may fail: what is read from files, then the
// encryption keys, and then the clients, which are one transaction; after a failure nothing that
// follows is touched. It is tried again until it succeeds, since the database may be away.
func (f *follower) apply(running context.Context) {
	ctx, done := context.WithTimeout(running, configPatience)
	defer done()
	next := f.running.WithLive(f.next)
	var plan clients.Plan
	use, err := f.prepare(next)
	var keys keyring.Vault
	if err == nil {
		keys, err = keyVault(next, f.provider.store)
	}
	if err == nil {
		err = f.provider.ring.SetKEKs(ctx, keys.KEKs)
	}
	if err == nil {
		plan, err = applyClients(ctx, next, f.provider.store)
	}
	if err == nil {
		f.provider.policies.set(next)
		f.provider.clients.SetDefaults(f.provider.policies.defaults())
		err = f.provider.clients.Reload(ctx)
	}
	if err != nil {
		if running.Err() == nil {
			f.fail("the changed configuration is not in force yet", err)
		}
		return
	}
	use()
	changed := config.Differences(f.running, next)
	f.running, f.next = next, nil
	f.applied.Add(1)
	f.problem.Store(nil)
	f.record(ctx, changed, plan)
}

// prepare reads all that what has changed refers to, and returns what puts it in force, which cannot fail.
func (f *follower) prepare(next *config.Config) (use func(), err error) {
	p, parts := f.provider, []func(){}
	if files := next.Listen.TLS; p.certificate != nil && files != f.running.Listen.TLS {
		pair, err := readPair(files)
		if err != nil {
			return nil, fmt.Errorf("listen.tls: %w", err)
		}
		parts = append(parts, func() { p.certificate.use(files, pair) })
	}
	if !slices.Equal(next.Near.RPC, f.running.Near.RPC) {
		ask, err := p.chain.Replace(next.Near.RPC)
		if err != nil {
			return nil, fmt.Errorf("near.rpc: %w", err)
		}
		parts = append(parts, ask)
	}
	if p.level != nil {
		var level slog.Level
		if err := level.UnmarshalText([]byte(next.Telemetry.Log.Level)); err != nil {
			return nil, fmt.Errorf("telemetry.log.level: %w", err)
		}
		parts = append(parts, func() { p.level.Set(level) })
	}
	parts = append(parts, func() { p.limits.set(next.RateLimits) })
	return func() {
		for _, part := range parts {
			part()
		}
	}, nil
}

// record tells the log, and the audit log if there is something new, what is in force now.
func (f *follower) record(ctx context.Context, changed []string, plan clients.Plan) {
	f.log.Info("configuration applied", "file", f.path, "changed", changed, "clients_created", plan.Create, "clients_updated", plan.Update)
	if len(changed) == 0 && !plan.Applied {
		return
	}
	if err := recordConfig(ctx, f.provider.store, map[string]any{
		"file": f.path, "changed": changed, "clients_created": plan.Create, "clients_updated": plan.Update,
	}); err != nil {
		f.log.Warn("audit", "err", err)
	}
}
