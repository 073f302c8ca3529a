package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// profiled builds the provider so that it can profile itself.
func (s *site) profiled(ctx context.Context) error {
	s.binary = filepath.Join(s.dir, "idp")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "profile", "-o", s.binary, "near-idp/cmd/idp")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build idp: %w\n%s", err, out)
	}
	return nil
}

// profileOf is where a process leaves its profiles.
func (s *site) profileOf() string { return filepath.Join(s.dir, "profile") }

// profile plays one more round under the profiler and keeps what it found in dir.
func (s *site) profile(ctx context.Context, c *crew, sc scenario, length time.Duration, dir string) error {
	if err := c.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		return err
	}
	_, worked := s.round(ctx, c, sc, length)
	if err := c.cmd.Process.Signal(syscall.SIGUSR2); err != nil || worked != nil {
		return errors.Join(worked, err)
	}
	for _, kind := range []string{"allocs", "cpu"} {
		name := filepath.Join(dir, fmt.Sprintf("%s-%d.%s.pprof", sc.name, len(c.stations), kind))
		text, err := s.await(ctx, s.profileOf()+"."+kind)
		if err != nil {
			return err
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			return err
		}
	}
	return os.Remove(s.profileOf() + ".cpu")
}

// await reads a file that appears finished; the CPU profile is the last to.
func (s *site) await(ctx context.Context, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if _, err := os.Stat(s.profileOf() + ".cpu"); err == nil {
			return os.ReadFile(name)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no profile: %w", context.Cause(ctx))
		case <-time.After(10 * time.Millisecond):
		}
	}
}
