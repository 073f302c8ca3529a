// Command bench measures the provider the way it is deployed: the built binary
// runs "idp serve" as a process of its own over a PostgreSQL that commits to
// disk, and people sign in to it over HTTP. Only the chain is simulated, in
// this process. Beside it runs the floor program, which does the least that the same takes;
// both are driven in alternation. See docs/performance.md.
//
//	make bench
//	make bench BENCHFLAGS='-only login,refresh -concurrency 8 -rounds 3'
//
// It prints tables, and JSON to the file $BENCH_JSON. What misses its target is
// marked; the exit code is that of a measurement, which succeeded if every request did.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	binary      string
	only        []string // parts to measure; none: all
	concurrency []int
	rounds      int
	round       time.Duration
	idle        time.Duration // until a process counts as idle
	starts      int
	flood       time.Duration // length of the flood
	amounts     amounts
	soak        time.Duration // 0: measure
	rate        float64       // of logins in a soak
	markdown    bool
	profiles    string        // directory; none: nothing is profiled
	profiled    time.Duration // length of the round under the profiler
}

// wants reports whether a part is to be measured.
func (o options) wants(part string) bool { return len(o.only) == 0 || slices.Contains(o.only, part) }

// parts are what -only names besides the scenarios.
var parts = []string{"size", "verification", "start", "idle", "pending", "large", "flood"}

func main() {
	o, err := parseOptions(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	// The load shares the processor with what is measured.
	debug.SetGCPercent(800)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	report, err := run(ctx, o)
	stop()
	if file := os.Getenv("BENCH_JSON"); file != "" && err == nil {
		err = report.save(file)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if o.markdown {
		report.markdown(os.Stdout)
	} else {
		report.print(os.Stdout)
	}
	if o.soak > 0 && len(report.missed()) > 0 {
		os.Exit(1)
	}
}

func parseOptions(args []string) (options, error) {
	var o options
	all := slices.Clone(parts)
	for _, sc := range scenarios {
		all = append(all, sc.name)
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.binary, "bin", "bin/idp", "measure this `FILE`; make build makes it")
	only := flags.String("only", "", "measure these `PARTS` alone: "+strings.Join(all, ","))
	concurrency := flags.String("concurrency", "1,8,32", "how many at a time, `LIST`")
	flags.IntVar(&o.rounds, "rounds", 5, "rounds of each subject in each comparison, of which medians are taken")
	flags.DurationVar(&o.round, "round", 600*time.Millisecond, "length of a round")
	flags.DurationVar(&o.idle, "idle", 5*time.Second, "quiet time before memory is read")
	flags.IntVar(&o.starts, "starts", 5, "cold starts to take the median of")
	flags.DurationVar(&o.flood, "flood", 20*time.Second, "length of the flood, and of the calm before it")
	flags.IntVar(&o.amounts.pending, "pending", 10_000, "logins that are pending in the part of that name")
	flags.IntVar(&o.amounts.grants, "grants", 1_000_000, "grants that are stored in the part large")
	flags.IntVar(&o.amounts.clients, "clients", 100_000, "clients that are stored in the part large")
	flags.DurationVar(&o.soak, "soak", 0, "instead of measuring, let people sign in for so long, and fail if memory or tables grow")
	flags.Float64Var(&o.rate, "rate", 600, "logins a second of the soak; fewer if there is no room for them")
	flags.BoolVar(&o.markdown, "markdown", false, "print Markdown")
	flags.StringVar(&o.profiles, "cpuprofile", "", "build the provider anew and write its profiles of one more round to this `DIR`")
	flags.DurationVar(&o.profiled, "profiled", 5*time.Second, "length of that round")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.starts < 1 || o.rounds < 1 || o.round <= 0 || o.rate <= 0 || o.soak < 0 {
		return o, errors.New("no arguments are taken; -starts and -rounds must be 1 or more, -round and -rate positive")
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	for _, part := range o.only {
		if !slices.Contains(all, part) {
			return o, fmt.Errorf("-only %s: there are %s", part, strings.Join(all, ", "))
		}
	}
	for text := range strings.SplitSeq(*concurrency, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			return o, fmt.Errorf("-concurrency %s: numbers from 1 to 1000, separated by commas", *concurrency)
		}
		o.concurrency = append(o.concurrency, n)
	}
	return o, nil
}

// run takes every measurement, the quiet ones first: what a load leaves behind
// must not count as the cost of standing still.
func run(ctx context.Context, o options) (*report, error) {
	site, err := newSite(ctx, o.binary)
	if err != nil {
		return nil, err
	}
	defer site.close()
	site.progress = os.Stderr
	if o.profiles != "" {
		if err := errors.Join(os.MkdirAll(o.profiles, 0o755), site.profiled(ctx)); err != nil {
			return nil, err
		}
	}
	r := &report{conditions: site.conditions()}
	if o.soak > 0 {
		return r, site.soak(ctx, r, o)
	}
	for _, part := range []struct {
		wanted  bool
		measure func() error
	}{
		{o.wants("size"), func() error { return measureSize(r, o.binary) }},
		{o.wants("verification"), func() error { return measureVerification(r) }},
		{o.wants("start"), func() error { return site.measureStarts(ctx, r, o.starts) }},
		{o.wants("idle"), func() error { return site.measureIdle(ctx, r, o.idle) }},
		{true, func() error { return site.measureScenarios(ctx, r, o) }},
		{o.wants("pending"), func() error { return site.measurePending(ctx, r, o) }},
		{o.wants("large"), func() error { return site.measureLarge(ctx, r, o) }},
		{o.wants("flood"), func() error { return site.measureFlood(ctx, r, o) }},
	} {
		if !part.wanted {
			continue
		}
		if err := part.measure(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func measureSize(r *report, binary string) error {
	info, err := os.Stat(binary)
	if err != nil {
		return fmt.Errorf("%w; run: make build", err)
	}
	r.section("Size")
	r.atMost("binary", float64(info.Size())/1e6, 25, "%.1f MB")
	return nil
}
