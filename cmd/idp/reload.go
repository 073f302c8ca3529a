package main

import (
	"context"
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

// liveKeys are those that take effect while the provider runs. The others need a restart.
var liveKeys = []string{"clients", "clients_dir", "claim_policies", "access_policies", "groups", "admin.accounts", "encryption.keys"}

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
	for _, key := range config.Differences(f.running, cfg) {
		if top, _, _ := strings.Cut(key, "."); !slices.Contains(liveKeys, top) && !slices.Contains(liveKeys, key) {
			f.log.Warn(key + " changed: restart to apply")
		}
	}
	f.next = cfg
}

// apply puts what was read in force, the encryption keys first, and then the clients, which are
// one transaction: if they cannot be, nothing else is. It is tried again until it succeeds, since the database may be away.
func (f *follower) apply(running context.Context) {
	ctx, done := context.WithTimeout(running, configPatience)
	defer done()
	next := f.running.WithLive(f.next)
	var plan clients.Plan
	keys, err := keyVault(next, f.provider.store)
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
	changed := config.Differences(f.running, next)
	f.running, f.next = next, nil
	f.applied.Add(1)
	f.problem.Store(nil)
	f.record(ctx, changed, plan)
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
