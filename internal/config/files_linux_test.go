package config

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// A file of another user, which a package or an administrator's root shell leaves behind, is named with
// what to do about it.
func TestUnreadableSecretFileNamesTheRemedy(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(strings.Repeat("k", 40)), 0o600); err != nil {
		t.Fatal(err)
	}
	config := []byte(required("encryption: {keys: ['file:" + secret + "']}"))
	if os.Geteuid() == 0 {
		// Root reads everything, but not by the rights of another user: this thread's alone, which ends here.
		runtime.LockOSThread()
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0); errno != 0 {
			t.Fatal(errno)
		}
		defer syscall.RawSyscall(syscall.SYS_SETFSUID, 0, 0, 0)
	} else if err := os.Chmod(secret, 0); err != nil {
		t.Fatal(err)
	}
	_, err := Parse(filepath.Join(dir, "config.yaml"), config, testEnv)
	want := fmt.Sprintf("encryption.keys[0]: cannot read the secret file %s: permission denied; the user that idp runs as, number %d, has to read it, and may enter the directories above it: chown %d %s && chmod 600 %s",
		secret, os.Geteuid(), os.Geteuid(), secret, secret)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v\nwant %s", err, want)
	}
}
