package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const units = "../../deploy/systemd/"

// settings are those of a unit's section Service, each with its values in order.
func settings(t *testing.T, name string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(units + name)
	if err != nil {
		t.Fatal(err)
	}
	all, section := map[string][]string{}, ""
	for n, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		key, value, found := strings.Cut(line, "=")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			section = line
		case !found:
			t.Errorf("%s:%d: %q is no setting", name, n+1, line)
		case section == "[Service]":
			all[key] = append(all[key], value)
		}
	}
	return all
}

// The unit starts a command that exists, with flags that it has, and gives it the time that it takes.
func TestUnitFitsTheProgram(t *testing.T) {
	unit := settings(t, "idp.service")
	words := strings.Fields(strings.Join(unit["ExecStart"], " "))
	if len(words) < 2 || filepath.Base(words[0]) != "idp" || !slices.ContainsFunc(commands(), func(c command) bool { return c.name == words[1] }) {
		t.Fatalf("ExecStart=%q", words)
	}
	help := capture(t, []string{words[1], "--help"}, 0)
	for _, word := range words[2:] {
		if strings.HasPrefix(word, "--") && !strings.Contains(help, "\n  "+word+" ") {
			t.Errorf("ExecStart has %s, which idp %s does not know", word, words[1])
		}
	}
	seconds := func(key string) time.Duration {
		d, err := time.ParseDuration(strings.Replace(strings.Join(unit[key], " "), "min", "m", 1))
		if err != nil {
			t.Errorf("%s: %v", key, err)
		}
		return d
	}
	if seconds("WatchdogSec") < 3*healthCheck {
		t.Error("WatchdogSec is less than three signs of life apart")
	}
	if seconds("TimeoutStopSec") < 2*shutdownGrace {
		t.Error("TimeoutStopSec ends it while it shuts down")
	}
}

// What the built-in PostgreSQL needs inside the service, and what one of its settings would break.
func TestUnitLetsTheBuiltInPostgreSQLRun(t *testing.T) {
	unit, dropIn := settings(t, "idp.service"), settings(t, "builtin-postgresql.conf")
	for key, why := range map[string]string{
		"KillMode=mixed":          "a signal to PostgreSQL would end the database before the provider",
		"StateDirectory=idp":      "there is no place for its data",
		"PrivateTmp=yes":          "its socket may be in /tmp",
		"TimeoutStartSec=15min":   "a recovery takes its time",
		"StateDirectoryMode=0700": "PostgreSQL refuses a directory that others may read",
	} {
		name, value, _ := strings.Cut(key, "=")
		if !slices.Equal(unit[name], []string{value}) {
			t.Errorf("%s is not set: %s", key, why)
		}
	}
	if !strings.Contains(strings.Join(unit["RestrictAddressFamilies"], " "), "AF_UNIX") {
		t.Error("its socket is of the family AF_UNIX")
	}
	if !strings.Contains(strings.Join(unit["SystemCallFilter"], " "), "@system-service") || strings.Contains(strings.Join(unit["SystemCallFilter"], " "), "@ipc") {
		t.Error("it needs shared memory: @ipc, which is in @system-service")
	}
	if !slices.Equal(dropIn["DynamicUser"], []string{"no"}) {
		t.Error("it needs an account that stays")
	}
	// MemoryDenyWriteExecute= forbids what a just-in-time compiler does.
	cluster, err := os.ReadFile("../../internal/localpg/cluster.go")
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(unit["MemoryDenyWriteExecute"], []string{"yes"}) && !strings.Contains(string(cluster), `"jit=off"`) {
		t.Error("PostgreSQL would compile queries, which MemoryDenyWriteExecute= forbids")
	}
}

// systemd's own judgement, where it is installed: the unit has no mistake, and an exposure of at most 1.5 out of 10.
func TestUnitIsSoundAndHardened(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	text, err := os.ReadFile(units + "idp.service")
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "idp.service")
	if err := os.WriteFile(unit, []byte(strings.Replace(string(text), "/usr/local/bin/idp", own, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "--man=no", "verify", unit).CombinedOutput(); err != nil || strings.Contains(string(out), "idp.service:") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", "--threshold=15", unit).CombinedOutput()
	if strings.Contains(string(out), "unrecognized option") {
		t.Skip("systemd-analyze is older than 250 and judges running services only")
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
