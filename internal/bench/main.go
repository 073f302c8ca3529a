// Command bench measures the provider the way it is deployed: the built binary
// runs "idp serve" as a process of its own over a PostgreSQL that commits to
// disk, and people sign in to it over HTTP. Only the chain is simulated, in
// this process.
//
//	make bench
//	go run ./internal/bench -for 20s
//
// It prints one table. What misses its target is marked; the exit code is that
// of a measurement, which succeeded if every login did.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	binary string
	length time.Duration // of each load
	idle   time.Duration // until a process counts as idle
	starts int
}

func main() {
	var o options
	flag.StringVar(&o.binary, "bin", "bin/idp", "measure this `FILE`; make build makes it")
	flag.DurationVar(&o.length, "for", 8*time.Second, "length of each of the four loads")
	flag.DurationVar(&o.idle, "idle", 5*time.Second, "quiet time before memory is read")
	flag.IntVar(&o.starts, "starts", 5, "cold starts to take the median of")
	flag.Parse()
	if flag.NArg() > 0 || o.starts < 1 || o.length <= 0 {
		fmt.Fprintln(os.Stderr, "bench: no arguments are taken; -starts must be 1 or more and -for positive")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	report, err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	report.print(os.Stdout)
}

// run takes every measurement, the quiet ones first: what a load leaves behind
// must not count as the cost of standing still.
func run(ctx context.Context, o options) (*report, error) {
	site, err := newSite(ctx, o.binary)
	if err != nil {
		return nil, err
	}
	defer site.close()
	r := &report{conditions: site.conditions()}
	if err := measureSize(r, o.binary); err != nil {
		return nil, err
	}
	if err := measureVerification(r); err != nil {
		return nil, err
	}
	if err := site.measureStarts(ctx, r, o.starts); err != nil {
		return nil, err
	}
	if err := site.measureLogins(ctx, r, o); err != nil {
		return nil, err
	}
	return r, nil
}

func measureSize(r *report, binary string) error {
	info, err := os.Stat(binary)
	if err != nil {
		return fmt.Errorf("%w; run: make build", err)
	}
	r.section("Size")
	r.atMost("binary", float64(info.Size())/1e6, 30, "%.1f MB")
	return nil
}
