//go:build !linux

package systemd

// Reloading says that the configuration is being read again; Ready ends it.
func Reloading() string { return "RELOADING=1" }
