package idp

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Duration is a time.Duration that also reads and writes days ("30d").
// It is never negative.
type Duration time.Duration

// ParseDuration reads a sequence of decimal numbers with the units d, h, m, s
// and ms, such as "90d", "1h30m" or "500ms". "0" needs no unit.
func ParseDuration(text string) (Duration, error) {
	fail := func() (Duration, error) {
		return 0, fmt.Errorf("%q is not a duration; write for example 60s, 15m, 8h or 30d", text)
	}
	rest, total := text, time.Duration(0)
	if days, after, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return fail()
		}
		total, rest = time.Duration(n)*24*time.Hour, after
		if rest == "" {
			return Duration(total), nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || strings.ContainsAny(rest, "+-") {
		return fail()
	}
	return Duration(total + d), nil
}

// Std returns d as a time.Duration.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String writes the shortest form that ParseDuration reads back.
func (d Duration) String() string {
	const day = 24 * time.Hour
	std := time.Duration(d)
	if std != 0 && std%day == 0 {
		return strconv.FormatInt(int64(std/day), 10) + "d"
	}
	text := std.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	if err == nil {
		*d = parsed
	}
	return err
}
