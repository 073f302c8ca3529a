//go:build profile

package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// Built with the tag "profile", which no release is, any command profiles itself from SIGUSR1 to
// SIGUSR2 and then writes $IDP_PROFILE.cpu and, of all allocations until then,
// $IDP_PROFILE.allocs. That takes no listener that could be left open. It is an
// init so that nothing of it is in main.
func init() {
	name := os.Getenv("IDP_PROFILE")
	if name == "" {
		return
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for {
			if err := profile(name, signals); err != nil {
				fmt.Fprintln(os.Stderr, "profile:", err)
			}
		}
	}()
}

func profile(name string, signals <-chan os.Signal) error {
	for sig := range signals {
		if sig == syscall.SIGUSR1 {
			break
		}
	}
	cpu, err := os.Create(name + ".unfinished")
	if err != nil {
		return err
	}
	defer cpu.Close()
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return err
	}
	for sig := range signals {
		if sig == syscall.SIGUSR2 {
			break
		}
	}
	pprof.StopCPUProfile()
	allocs, err := os.Create(name + ".allocs")
	if err != nil {
		return err
	}
	defer allocs.Close()
	if err := pprof.Lookup("allocs").WriteTo(allocs, 0); err != nil {
		return err
	}
	return os.Rename(cpu.Name(), name+".cpu")
}
