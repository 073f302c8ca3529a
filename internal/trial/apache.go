package trial

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	apacheModules = "/usr/lib/apache2/modules/"
	oidcModule    = apacheModules + "mod_auth_openidc.so"
)

// HasApache reports whether Debian's web server with mod_auth_openidc is installed.
func HasApache() bool {
	_, err := os.Stat(oidcModule)
	return err == nil
}

// Apache serves at a port of 127.0.0.1 what the directives say. /app/, /staff/, /api/
// and /bye/ are pages that show their names.
func Apache(t testing.TB, port int, directives string) *Process {
	t.Helper()
	dir := openDir(t)
	for _, path := range []string{"app", "staff", "api", "bye"} {
		if err := os.MkdirAll(filepath.Join(dir, "www", path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "www", path, "index.html"), []byte(path), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var text strings.Builder
	for _, module := range []string{"mpm_event", "authn_core", "authz_core", "authz_user", "dir", "headers", "auth_openidc"} {
		fmt.Fprintf(&text, "LoadModule %s_module %smod_%s.so\n", module, apacheModules, module)
	}
	fmt.Fprintf(&text, `
ServerName 127.0.0.1
Listen 127.0.0.1:%d
PidFile %[2]s/pid
DefaultRuntimeDir %[2]s
Mutex sem
ErrorLog /dev/stderr
LogLevel warn auth_openidc:info
DocumentRoot %[2]s/www
DirectoryIndex index.html
DirectorySlash Off
%[3]s
`, port, dir, directives)
	if os.Geteuid() == 0 { // it serves as somebody else
		fmt.Fprintf(&text, "User www-data\nGroup www-data\n")
	}
	file := filepath.Join(dir, "httpd.conf")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), "/usr/sbin/apache2", "-f", file, "-DFOREGROUND")
	return Start(t, cmd, 20*time.Second, Answers(http.DefaultClient, fmt.Sprintf("http://127.0.0.1:%d/bye/", port)))
}

// openDir is a temporary directory that Apache's own user may enter, too.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "idp-apache-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
