package idp

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Rate is how often something may happen: N times at once, and on average N
// times in Per. The zero value means as often as it likes.
type Rate struct {
	N   int
	Per time.Duration
}

var rateUnits = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}

// ParseRate reads a number and a unit, such as "60/m", "10/s" or "1000/h", or "off".
func ParseRate(text string) (Rate, error) {
	if text == "off" {
		return Rate{}, nil
	}
	number, unit, _ := strings.Cut(text, "/")
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil || n == 0 || n > 1e6 || rateUnits[unit] == 0 {
		return Rate{}, fmt.Errorf("%q is not a rate; write for example 60/m, 10/s or 1000/h, or off", text)
	}
	return Rate{int(n), rateUnits[unit]}, nil
}

// String writes the form that ParseRate reads back.
func (r Rate) String() string {
	for unit, per := range rateUnits {
		if r.N > 0 && r.Per == per {
			return strconv.Itoa(r.N) + "/" + unit
		}
	}
	return "off"
}

func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

func (r *Rate) UnmarshalText(text []byte) error {
	parsed, err := ParseRate(string(text))
	if err == nil {
		*r = parsed
	}
	return err
}
