package main

// longHelp is the help of the commands that run a provider.
var longHelp = map[string]string{
	"serve": `
Runs the provider until it is told to stop (SIGINT, SIGTERM), and lets requests
that are under way finish. Without database.url it also runs the built-in
PostgreSQL in database.data_dir. The log goes to standard error.

Examples:
  idp serve
  idp serve --config /etc/idp/config.yaml
  idp serve --migrate        # the schema first, even if migrate_on_start is false`,
	"dev": `
Runs a provider to try on this machine: built-in PostgreSQL, an issuer on
loopback http, a demo application, a wallet that really signs and a simulated
NEAR chain. It needs no internet and no configuration, and keeps its data
between runs. Nothing in it is for production.

Examples:
  idp dev
  idp dev --network testnet   # the real chain and real wallets
  idp client create "My App" --dev --redirect-uri http://localhost:3000/callback`,
}
