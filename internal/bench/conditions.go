package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// conditions are what figures depend on besides the program.
func (s *site) conditions() []string {
	version, _ := os.ReadFile(filepath.Join(s.dir, "external", "data", "PG_VERSION"))
	lines := []string{fmt.Sprintf("%s, %d cores, %s, PostgreSQL %s, durable commits (fsync of the disk takes %.1f ms)",
		processor(), runtime.NumCPU(), runtime.Version(), strings.TrimSpace(string(version)), milliseconds(fsync(s.dir)))}
	if load := loadAverage(); load > float64(runtime.NumCPU())/2 {
		lines = append(lines, fmt.Sprintf("The machine is busy (load average %.1f): rates and latencies would be better on an idle one.", load))
	}
	return lines
}

func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func loadAverage() float64 {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	load, _ := strconv.ParseFloat(first, 64)
	return load
}

// fsync is the median time to make 8 KiB, a page of PostgreSQL's log, durable:
// the floor under each commit. It is 0 where it cannot be told.
func fsync(dir string) time.Duration {
	file, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return 0
	}
	defer file.Close()
	var times []time.Duration
	for range 51 {
		start := time.Now()
		if _, err := file.WriteAt(make([]byte, 8<<10), 0); err != nil {
			return 0
		}
		if err := file.Sync(); err != nil {
			return 0
		}
		times = append(times, time.Since(start))
	}
	return quantile(times, 0.5)
}
