package idp

import (
	"testing"
	"time"
)

func TestRatesReadBack(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Rate{"off": {}, "60/m": {60, time.Minute}, "1/s": {1, time.Second}, "1000000/h": {1000000, time.Hour}} {
		got, err := ParseRate(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%q: %v %q, %v", text, got, got, err)
		}
	}
	for _, text := range []string{"", "0/m", "60", "60/", "60/d", "/m", "-1/m", "1.5/m", "60 /m", "Off", "1000001/s", "60/m/h", "99999999999/m"} {
		if got, err := ParseRate(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
