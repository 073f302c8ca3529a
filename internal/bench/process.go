package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of CPU times in /proc, USER_HZ, the same on every
// architecture that Linux gives Go.
const clockTick = 10 * time.Millisecond

// A process is one life of a program.
type process struct {
	cmd  *exec.Cmd
	took time.Duration // from its start until it was ready
	done chan struct{}
	err  error // how it ended; read after done
}

// launch starts a program that answers below url, and waits until it is ready. Its log goes
// to a file, since writing it is part of the work.
func (s *site) launch(ctx context.Context, url, program string, args ...string) (*process, error) {
	const patience = time.Minute
	log, err := os.CreateTemp(s.dir, "log-")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{cmd: exec.CommandContext(ctx, program, args...), done: make(chan struct{})}
	p.cmd.Stderr = log
	p.cmd.Env = append(os.Environ(), "IDP_PROFILE="+s.profileOf())
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 20 * time.Second
	started := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	for !ready(ctx, url) {
		if time.Since(started) > patience {
			return nil, errors.Join(fmt.Errorf("not ready after %s", patience), p.stop())
		}
		select {
		case <-p.done:
			return nil, fmt.Errorf("%s ended: %w\n%s", filepath.Base(program), p.err, s.tail(log.Name()))
		case <-time.After(2 * time.Millisecond):
		}
	}
	p.took = time.Since(started)
	return p, nil
}

func ready(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// tail is the end of a log, for an error.
func (s *site) tail(file string) string {
	const most = 2000
	log, _ := os.ReadFile(file)
	return string(log[max(0, len(log)-most):])
}

func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-time.After(30 * time.Second):
		return errors.Join(errors.New("it does not stop"), p.cmd.Process.Kill())
	}
}

// cpu is the processor time that the process has used, in its own code and in
// the kernel's on its behalf.
func (p *process) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return cpuTime(stat)
}

// cpuTime reads utime and stime out of proc_pid_stat(5), or with "waited" also what ended children
// used. The name before them may contain anything, so counting begins behind its last parenthesis.
func cpuTime(stat []byte, waited ...bool) (time.Duration, error) {
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const utime, cstime = 14 - 3, 17 - 3 // numbered from 1, and the state is the third
	if len(fields) <= cstime {
		return 0, fmt.Errorf("%q is not the line of proc_pid_stat(5)", stat)
	}
	end := utime + 2
	if len(waited) > 0 {
		end = cstime + 1
	}
	var total time.Duration
	for _, field := range fields[utime:end] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("CPU time of the process: %w", err)
		}
		total += time.Duration(ticks) * clockTick
	}
	return total, nil
}

// memory is the resident memory of the process in bytes, its program included.
func (p *process) memory() (float64, error) { return p.status("VmRSS:") }

// peak is the most that memory was since the last call of forgetPeak.
func (p *process) peak() (float64, error) { return p.status("VmHWM:") }

func (p *process) forgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0)
}

func (p *process) status(field string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return resident(status, field)
}

// resident reads a size in bytes out of proc_pid_status(5).
func resident(status []byte, field string) (float64, error) {
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, field); ok {
			kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
			return kib * 1024, err
		}
	}
	return 0, fmt.Errorf("no %s in the status of the process", field)
}
