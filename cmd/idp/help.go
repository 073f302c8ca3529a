package main

// longHelp is the help of commands that have no arguments, for newFlags.
var longHelp = map[string]string{
	"serve": `
Runs the provider until it is told to stop (SIGINT, SIGTERM). Then it answers on
for listen.drain, lets requests that are under way finish, and ends; a second
signal ends it at once. Without database.url it also runs the built-in PostgreSQL
in database.data_dir. With listen.tls it speaks TLS, and reads the certificate
again when it is renewed, or on SIGHUP. The log goes to standard error.

A configuration that changes is read again within seconds, or at once on SIGHUP:
clients, policies, groups, RPC providers, proxies, the level of the log and more
take effect, keys that need a restart are named in the log, and one with a
mistake is reported and changes nothing. Under systemd it says how it is.

Examples:
  idp serve
  idp serve --config /etc/idp/config.yaml
  idp serve --migrate        # the schema first, even if migrate_on_start is false`,
}
