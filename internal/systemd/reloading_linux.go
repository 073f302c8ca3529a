package systemd

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Reloading says that the configuration is being read again; Ready ends it. The time lets
// Type=notify-reload tell the answer to its signal from an earlier one.
func Reloading() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return "RELOADING=1"
	}
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000)
}
