package near

import (
	"errors"
	"log/slog"
)

// logLevel raises a refused request to an error: it is this side's defect, and
// waiting does not mend it.
func logLevel(err error) slog.Level {
	var invalid *refused
	if errors.As(err, &invalid) {
		return slog.LevelError
	}
	return slog.LevelWarn
}

func providerAttrs(p *provider, q query, err error) []slog.Attr {
	return []slog.Attr{
		slog.String("provider", p.host),
		slog.String("request", q.params["request_type"]),
		slog.Any("error", err),
	}
}
