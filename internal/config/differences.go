package config

import (
	"reflect"
)

// Differences returns the keys in which two configurations differ, such as
// "listen.public", in the order of the file. Lists and groups of keys whose names the operator
// chooses count as one key. No value is returned: some are secrets.
func Differences(a, b *Config) []string {
	return differences("", reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem())
}

func differences(prefix string, a, b reflect.Value) []string {
	var all []string
	for _, f := range fields(a.Type()) {
		path, x, y := join(prefix, f.name), a.FieldByIndex(f.index), b.FieldByIndex(f.index)
		switch {
		case reflect.DeepEqual(x.Interface(), y.Interface()):
		case x.Kind() == reflect.Struct && len(fields(x.Type())) > 0:
			all = append(all, differences(path, x, y)...)
		default:
			all = append(all, path)
		}
	}
	return all
}

// WithLive returns c with what takes effect without a restart taken from next.
func (c *Config) WithLive(next *Config) *Config {
	live := *c
	live.Clients, live.ClientsDir = next.Clients, next.ClientsDir
	live.ClaimPolicies, live.AccessPolicies, live.Groups = next.ClaimPolicies, next.AccessPolicies, next.Groups
	live.Admin.Accounts = next.Admin.Accounts
	live.Encryption, live.RateLimits = next.Encryption, next.RateLimits
	live.Listen.Drain, live.Proxy, live.Near.RPC = next.Listen.Drain, next.Proxy, next.Near.RPC
	live.Audit.Retention, live.Telemetry.Log.Level = next.Audit.Retention, next.Telemetry.Log.Level
	if c.Listen.TLS.Enabled() && next.Listen.TLS.Enabled() {
		live.Listen.TLS = next.Listen.TLS
	}
	live.places = next.places
	return &live
}
