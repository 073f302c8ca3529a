package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// AdminOff and OpsOff as the values of listen.admin and listen.ops mean that there is none.
const (
	AdminOff = "off"
	OpsOff   = "off"
)

// accountSyntax is that of NEAR account ids, 2 to 64 characters of it.
var accountSyntax = regexp.MustCompile(`^[a-z0-9]+([-_.][a-z0-9]+)*$`)

// laterOwner ends the subject of somebody who has an account after others had it.
var laterOwner = regexp.MustCompile(`#[1-9][0-9]{0,8}$`)

func isAccount(id string) bool { return len(id) >= 2 && len(id) <= 64 && accountSyntax.MatchString(id) }

// isAddress reports whether text is a host:port to listen on.
func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	number, portErr := strconv.ParseUint(port, 10, 16)
	return err == nil && portErr == nil && strconv.FormatUint(number, 10) == port
}

func (c *Config) checkOps(p *problems) {
	ops := c.Listen.Ops
	switch {
	case ops == OpsOff:
	case !isAddress(ops):
		p.add("listen.ops", `%s is not an address to listen on: write host:port such as 127.0.0.1:9090, or "off"`, quote(ops))
	case (ops == c.Listen.Public || ops == c.Listen.Admin) && !strings.HasSuffix(ops, ":0"):
		p.add("listen.ops", "is listen.public or listen.admin too: what operators ask has an address of its own")
	case !onLoopback(ops):
		c.Warnings = append(c.Warnings, fmt.Sprintf("listen.ops is %s, which other machines reach: let a firewall or network policy admit those that collect metrics alone", quote(ops)))
	}
}

func (c *Config) checkAdmin(p *problems) {
	if c.Listen.Admin == AdminOff {
		if len(c.Admin.Accounts) > 0 {
			p.add("admin.accounts", "names administrators, but listen.admin is off: give it an address, or remove them")
		}
		return
	}
	switch {
	case !isAddress(c.Listen.Admin):
		p.add("listen.admin", `%s is not an address to listen on: write host:port such as 127.0.0.1:8081, or "off"`, quote(c.Listen.Admin))
	case c.Listen.Admin == c.Listen.Public && !strings.HasSuffix(c.Listen.Admin, ":0"):
		p.add("listen.admin", "is listen.public too: the admin side has an address of its own")
	case !onLoopback(c.Listen.Admin):
		c.Warnings = append(c.Warnings, fmt.Sprintf("listen.admin is %s, which other machines reach, and it speaks plain HTTP: put TLS in front of it, or listen on 127.0.0.1", quote(c.Listen.Admin)))
	}
	for i, account := range c.Admin.Accounts {
		if !isAccount(laterOwner.ReplaceAllString(account, "")) {
			p.add(fmt.Sprintf("admin.accounts[%d]", i), "%s is not a NEAR account id, such as alice.near", quote(account))
		}
	}
	c.checkAdminURL(p)
}

// checkAdminURL wants TLS, since an administrator's session passes there.
func (c *Config) checkAdminURL(p *problems) {
	u, err := url.Parse(c.Admin.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" || u.Opaque != "":
		p.add("admin.url", "%s is not the address of a host, such as https://admin.example.com", quote(c.Admin.URL))
	case u.Scheme != "https" && u.Scheme != "http":
		p.add("admin.url", "%s must be https, or http on a loopback host", quote(c.Admin.URL))
	case u.Scheme == "http" && !onLoopback(u.Host) && len(c.Admin.Accounts) > 0:
		p.add("admin.url", "%s would carry administrators' sessions in the clear: write the https address that they open, or reach a loopback address through a tunnel", quote(c.Admin.URL))
	}
}

// onLoopback reports whether host:port is on this machine alone.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	return isLoopback(host)
}
