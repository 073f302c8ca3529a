package postgres

import (
	"context"
	"io"
	"log/slog"
	"time"
)

var errUnexpectedEOF = io.ErrUnexpectedEOF

// Watch calls changed with the name of a table each time another process, or
// this one, changed clients, client_secrets or signing_keys, and with "" after
// it (re)connected, since changes may have been missed. It reconnects until
// ctx ends.
func (s *Store) Watch(ctx context.Context, log *slog.Logger, changed func(table string)) {
	const pause = time.Second
	for {
		err := s.listen(ctx, changed)
		if ctx.Err() != nil {
			return
		}
		log.Warn("database notifications interrupted", "err", err, "retry_in", pause.String())
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (s *Store) listen(ctx context.Context, changed func(table string)) error {
	conn, err := s.db.Acquire(ctx)
	if err != nil {
		return err
	}
	// The connection listens for as long as it lives, so it leaves the pool.
	raw := conn.Hijack()
	defer raw.Close(context.WithoutCancel(ctx))
	if _, err := raw.Exec(ctx, "LISTEN idp_changed"); err != nil {
		return err
	}
	changed("")
	for {
		note, err := raw.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		changed(note.Payload)
	}
}
