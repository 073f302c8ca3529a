package config

import (
	"strings"
	"testing"
	"time"
)

func TestAuditRetentionIsBoundedAndZeroMeansForEver(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"": 90 * day, "audit: {}": 90 * day, "audit: {retention: 0s}": 0, "audit: {retention: 1d}": day, "audit: {retention: 3650d, log: true}": 3650 * day} {
		c := mustLoad(t, required(text))
		if c.Audit.Retention.Std() != want || c.Audit.Log != strings.Contains(text, "log") {
			t.Errorf("%q: %+v", text, c.Audit)
		}
	}
	for text, want := range map[string]string{
		"audit: {retention: 23h}": "audit.retention: 23h is not between 1d and 3650d", "audit: {retention: 3651d}": "audit.retention: 3651d is not between",
		"audit: {retention: forever}": "is not a duration", "audit: {retantion: 1d}": "retention",
	} {
		if _, err := load(t, required(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
