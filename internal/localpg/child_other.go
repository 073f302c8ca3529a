//go:build !linux

package localpg

import "syscall"

// childAttributes keeps a terminal's Ctrl-C away from the server, so that it
// outlives the provider's graceful shutdown. If the provider is killed the
// server lives on until the next start ends it.
func childAttributes(cred *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: cred, Setpgid: true}
}
