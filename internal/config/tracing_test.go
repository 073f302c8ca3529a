package config

import (
	"strings"
	"testing"
)

func TestTracingGoesNowhereByMistake(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"endpoint: 'collector:4318'":                                          "tracing.endpoint: is not an https or http URL",
		"endpoint: 'grpc://collector:4317'":                                   "tracing.endpoint: is not an https or http URL",
		"endpoint: 'https://u:hunter2@collector/v1/traces'":                   "tracing.endpoint: has a user, a query or a fragment",
		"endpoint: 'https://collector/v1/traces?key=hunter2'":                 "tracing.endpoint: has a user, a query or a fragment",
		"sample_ratio: 1.5":                                                   `tracing.sample_ratio: "1.5" is not a number from 0 to 1`,
		"sample_ratio: NaN":                                                   "is not a number from 0 to 1",
		"endpoint: 'http://collector', headers: {Key: \"hunter2\\r\\nA: b\"}": "is not a header with a value of printable characters",
		"endpoint: 'http://collector', headers: {'K ey': hunter2}":            "is not a header",
	} {
		_, err := Parse("config.yaml", []byte(minimal+"tracing: {"+text+"}"), testEnv)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: want %q, got %v", text, want, err)
		}
	}
	c, err := Parse("config.yaml", []byte(minimal+"tracing: {endpoint: 'http://127.0.0.1:4318/v1/traces', sample_ratio: 1, headers: {Key: hunter2}}"), testEnv)
	if err != nil || c.Tracing.SampleRatio != 1 || c.Tracing.Headers["Key"] != "hunter2" {
		t.Errorf("%+v, %v", c, err)
	}
}
