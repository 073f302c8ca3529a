package localpg

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// oldest is the oldest major version of PostgreSQL that the provider runs on.
const oldest = 14

// installed is where distributions put the server's binaries.
var installed = []string{
	"/usr/lib/postgresql/*/bin",                // Debian, Ubuntu
	"/usr/pgsql-*/bin",                         // PostgreSQL's own RPMs
	"/usr/libexec/postgresql*",                 // Alpine
	"/opt/homebrew/opt/postgresql@*/bin",       // Homebrew on Apple silicon
	"/usr/local/opt/postgresql@*/bin",          // Homebrew on Intel
	"/home/linuxbrew/.linuxbrew/opt/post*/bin", // Homebrew on Linux
	"/usr/local/pgsql/bin",                     // built from source
}

// installation is one installed PostgreSQL.
type installation struct {
	dir   string
	major int
}

// binaries returns the directory of the server binaries of the given major
// version, or of the newest if major is 0 because there is no cluster yet.
func binaries(ctx context.Context, major int, data string) (string, error) {
	found := installations(ctx)
	if len(found) == 0 {
		return "", fmt.Errorf("%w: %s", ErrNotInstalled, installHint(""))
	}
	newest := found[len(found)-1]
	if major == 0 {
		if newest.major < oldest {
			return "", fmt.Errorf("%w: version %d in %s is too old, %d or newer is needed: %s", ErrNotInstalled, newest.major, newest.dir, oldest, installHint(""))
		}
		return newest.dir, nil
	}
	for _, in := range found {
		if in.major == major {
			return in.dir, nil
		}
	}
	return "", fmt.Errorf("%w: the database in %s was made by version %d, but only version %d is installed (%s). Either %s; or dump the database with version %d and restore it into a new directory",
		ErrNotInstalled, data, major, newest.major, newest.dir, installHint(strconv.Itoa(major)), major)
}

// installations returns what is installed, oldest first.
func installations(ctx context.Context) []installation {
	var dirs []string
	if p, err := exec.LookPath("postgres"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(p))
		}
	}
	for _, pattern := range installed {
		// Glob fails only on a malformed pattern.
		m, _ := filepath.Glob(pattern)
		dirs = append(dirs, m...)
	}
	slices.Sort(dirs)
	var found []installation
	for _, dir := range slices.Compact(dirs) {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
			continue
		}
		if major := binaryVersion(ctx, filepath.Join(dir, "postgres")); major > 0 {
			found = append(found, installation{dir, major})
		}
	}
	slices.SortStableFunc(found, func(a, b installation) int { return a.major - b.major })
	return found
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) (\d{1,4})`)

// binaryVersion returns the major version of a postgres binary, 0 if it cannot
// be run.
func binaryVersion(ctx context.Context, postgres string) int {
	out, err := exec.CommandContext(ctx, postgres, "--version").Output()
	if err != nil {
		return 0
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return 0
	}
	major, _ := strconv.Atoi(string(m[1]))
	return major
}

// installHint says how this platform installs the server, in the given major
// version if it is not empty.
func installHint(major string) string {
	const otherwise = ", or set database.url to a PostgreSQL of your own"
	if runtime.GOOS == "darwin" {
		if major == "" {
			major = "17"
		}
		return "install it with: brew install postgresql@" + major + otherwise
	}
	for _, p := range []struct{ program, command, versioned string }{
		{"apt-get", "apt-get install postgresql", "-"},
		{"dnf", "dnf install postgresql-server", ""},
		{"apk", "apk add postgresql", ""},
		{"pacman", "pacman -S postgresql", ""},
		{"zypper", "zypper install postgresql-server", ""},
	} {
		if _, err := exec.LookPath(p.program); err != nil {
			continue
		}
		if major != "" && p.program == "apt-get" {
			return "install it with: " + p.command + p.versioned + major + otherwise
		}
		if major == "" {
			return "install it with: " + p.command + otherwise
		}
	}
	return strings.TrimSpace("install the PostgreSQL server "+major) + otherwise
}
