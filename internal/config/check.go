package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"near-idp/internal/idp"
)

// Validate fills in the defaults that follow from other keys and checks the
// whole configuration. It is for configurations made in memory; Load has done it.
func (c *Config) Validate() error {
	p := &problems{file: "configuration"}
	c.check(p)
	return p.err()
}

func (c *Config) check(p *problems) {
	issuer, err := parseIssuer(c.Issuer)
	if err != nil {
		p.add("issuer", "%w", err)
	}
	c.derive(issuer)
	c.checkListen(p)
	c.checkAdmin(p)
	c.checkOutbound(p)
	c.checkDatabase(p)
	c.checkKeys(p)
	c.checkNear(p, issuer)
	if issuer != nil && c.Near.Recipient != issuer.Hostname() {
		c.Warnings = append(c.Warnings, fmt.Sprintf("near.recipient is %s but the issuer's host is %s: wallets name the first, pages the second, and people are told to compare them",
			quote(c.Near.Recipient), quote(issuer.Hostname())))
	}
	c.checkSigning(p)
	checkRange(p, "session.absolute", c.Session.Absolute, time.Minute, 90*day)
	checkRange(p, "session.idle", c.Session.Idle, time.Minute, 90*day)
	if c.Session.Idle > c.Session.Absolute {
		p.add("session.idle", "%s is more than session.absolute, %s", c.Session.Idle, c.Session.Absolute)
	}
	checkLifetimes(p, "lifetimes.default", c.Lifetimes.Default)
	c.RateLimits.check(p)
	c.checkClients(p)
	c.checkPolicies(p, issuer)
	c.checkResources(p)
	c.checkWallets(p)
	if c.Audit.Retention != 0 {
		checkRange(p, "audit.retention", c.Audit.Retention, day, 3650*day)
	}
	oneOf(p, "telemetry.log.level", c.Telemetry.Log.Level, "debug", "info", "warn", "error")
	oneOf(p, "telemetry.log.format", c.Telemetry.Log.Format, "json", "text")
	c.checkTracing(p)
	c.checkBranding(p)
}

func (c *Config) checkListen(p *problems) {
	if !isAddress(c.Listen.Public) {
		p.add("listen.public", "%s is not an address to listen on: write host:port such as 127.0.0.1:8080, or :8080 for every interface", quote(c.Listen.Public))
	}
	c.checkTLS(p)
	c.Listen.checkConnections(p)
	c.checkOps(p)
	checkRange(p, "listen.drain", c.Listen.Drain, 0, 5*time.Minute)
	for i, network := range c.Proxy.Trusted {
		key := fmt.Sprintf("proxy.trusted[%d]", i)
		checkMask(p, key, network)
		if network.Bits() == 0 {
			p.add(key, "%s trusts everybody, so any visitor could choose the address that limits and logs see: name the proxies' own network", network)
		}
	}
}

func (c *Config) checkTLS(p *problems) {
	cert, key := c.Listen.TLS.Cert, c.Listen.TLS.Key
	switch {
	case cert == "" && key != "":
		p.add("listen.tls.cert", "required with listen.tls.key: write the file of the certificate, such as /etc/idp/tls/fullchain.pem")
	case cert != "" && key == "":
		p.add("listen.tls.key", "required with listen.tls.cert: write the file of its key, such as /etc/idp/tls/privkey.pem")
	case cert != "" && strings.HasPrefix(c.Issuer, "http:"):
		p.add("listen.tls", "the issuer is %s, so nobody would come by TLS: write https in the issuer, or remove listen.tls", quote(c.Issuer))
	}
	if key != "" && readableByAll(key) {
		c.Warnings = append(c.Warnings, fmt.Sprintf("listen.tls.key: every user of this machine can read %s: chmod 600 %s", key, key))
	}
}

func (c *Config) checkOutbound(p *problems) {
	for i, network := range c.Outbound.AllowPrivate {
		key := fmt.Sprintf("outbound.allow_private[%d]", i)
		checkMask(p, key, network)
		if network.Bits() == 0 {
			p.add(key, "%s allows every address, so whoever registers a client could reach this machine and its network: name the network of the applications", network)
		}
	}
}

func checkMask(p *problems, key string, network netip.Prefix) {
	if network != network.Masked() {
		p.add(key, "%s has bits set behind the mask: write %s for the whole network or %s/%d for the one address",
			network, network.Masked(), network.Addr(), network.Addr().BitLen())
	}
}

func (c *Config) checkDatabase(p *problems) {
	if c.Database.MaxConns < 2 || c.Database.MaxConns > 1000 {
		p.add("database.max_conns", "%d is not between 2 and 1000", c.Database.MaxConns)
	}
	if c.Database.DirectURL != "" && c.Database.URL == "" {
		p.add("database.direct_url", "it is another way to the database of database.url, which is empty: set that, too")
	}
	if c.Database.URL == "" && c.Database.DataDir == "" {
		p.add("database.data_dir", "the environment names no home for data: write the directory of the built-in PostgreSQL, such as /var/lib/idp/postgres, or give database.url")
	}
}

func (c *Config) checkKeys(p *problems) {
	if len(c.Encryption.Keys) == 0 {
		p.add("encryption.keys", "required: write at least one key, such as file:/run/secrets/idp_key (make one with: openssl rand -base64 32)")
	}
	for i, key := range c.Encryption.Keys {
		at := fmt.Sprintf("encryption.keys[%d]", i)
		if length := idp.EncryptionKeyLength(string(key)); length < idp.MinEncryptionKey {
			p.add(at, "the key has %d characters and needs %d or more, of which hexadecimal digits count half: make one with: openssl rand -base64 32", length, idp.MinEncryptionKey)
		} else if earlier := slices.Index(c.Encryption.Keys, key); earlier < i {
			p.add(at, "the same key as encryption.keys[%d]: keep one of them", earlier)
		}
	}
}

const day = 24 * time.Hour

// checkLifetimes holds the lifetimes to bounds within which the protocol is
// safe: RFC 9700 wants short codes and short access tokens.
func checkLifetimes(p *problems, key string, l idp.Lifetimes) {
	checkRange(p, key+".code", l.Code, time.Second, 10*time.Minute)
	checkRange(p, key+".access_token", l.AccessToken, time.Second, day)
	checkRange(p, key+".id_token", l.IDToken, time.Second, day)
	checkRange(p, key+".refresh_idle", l.RefreshIdle, time.Second, 366*day)
	checkRange(p, key+".refresh_absolute", l.RefreshAbsolute, time.Second, 366*day)
	checkRange(p, key+".refresh_grace", l.RefreshGrace, time.Second, time.Minute)
	if l.IDToken < l.AccessToken {
		p.add(key+".id_token", "%s is less than access_token, %s: an ID token must not expire before its access token", l.IDToken, l.AccessToken)
	}
	if l.RefreshIdle > l.RefreshAbsolute {
		p.add(key+".refresh_idle", "%s is more than refresh_absolute, %s", l.RefreshIdle, l.RefreshAbsolute)
	}
}

func checkRange(p *problems, key string, d idp.Duration, least, most time.Duration) {
	if d.Std() < least || d.Std() > most {
		p.add(key, "%s is not between %s and %s", d, idp.Duration(least), idp.Duration(most))
	}
}

// oneOf checks that value is one of the known ones.
func oneOf(p *problems, key, value string, known ...string) {
	if slices.Contains(known, value) {
		return
	}
	hint := "write one of " + strings.Join(known, ", ")
	if near := idp.Nearest(value, known); near != "" {
		hint = fmt.Sprintf("did you mean %q? It is one of %s", near, strings.Join(known, ", "))
	}
	p.add(key, "%s is not known: %s", quote(value), hint)
}

// checkName checks a text that people see. Invisible characters, which could turn
// or hide the text around them, are refused.
func checkName(p *problems, key, name string, most int) {
	odd := func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
	switch {
	case utf8.RuneCountInString(name) > most:
		p.add(key, "the name has more than %d characters", most)
	case strings.ContainsFunc(name, odd):
		p.add(key, "%s contains an invisible character: remove it", quote(name))
	case strings.TrimSpace(name) != name:
		p.add(key, "%s begins or ends with a space: remove it", quote(name))
	}
}
