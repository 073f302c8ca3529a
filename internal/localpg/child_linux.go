package localpg

import "syscall"

// childAttributes keeps a terminal's Ctrl-C away from the server, so that it
// outlives the provider's graceful shutdown, and stops it (PostgreSQL's fast
// shutdown) if the provider is killed.
func childAttributes(cred *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: cred, Setpgid: true, Pdeathsig: syscall.SIGINT}
}
