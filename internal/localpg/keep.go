package localpg

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Keep starts an owned server again whenever it ends by itself, until ctx ends. tell gets an error that
// says what the server said last, and nil once it runs again.
func (s *Server) Keep(ctx context.Context, tell func(error)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.Done():
		}
		tell(fmt.Errorf("PostgreSQL ended by itself; %s", lastWords(s.dir)))
		for pause := 500 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
			err := s.Restart(ctx)
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				break
			}
			tell(fmt.Errorf("PostgreSQL does not start again: %w", err))
			if sleep(ctx, pause) != nil {
				return
			}
		}
		tell(nil)
	}
}

// lastWords are the last lines of the server's log.
func lastWords(dir string) string {
	const enough = 800
	name := filepath.Join(dir, "server.log")
	f, err := os.Open(name)
	if err != nil {
		return "see " + name
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-enough), io.SeekStart) // from the beginning, if not
	}
	text, _ := io.ReadAll(io.LimitReader(f, enough))
	if _, whole, cut := strings.Cut(string(text), "\n"); cut && len(text) == enough {
		text = []byte(whole)
	}
	return name + " ends: " + strings.TrimSpace(string(text))
}
