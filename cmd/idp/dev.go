package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"near-idp/internal/config"
	"near-idp/internal/demo"
	"near-idp/internal/idp"
	"near-idp/web/templates"

	"golang.org/x/sync/errgroup"
)

// Where the parts of development mode are reached. The host names differ
// because cookies do not tell ports apart.
const (
	devAddress    = "127.0.0.1:8080"
	devIssuerHost = "localhost"
	devDemoHost   = "127.0.0.1"
	devDemoPort   = 8081
	devWalletHost = "wallet.localhost"
	devWalletPort = 8082
	devAdminHost  = "admin.localhost"
	devAdminPort  = 8083
)

// A development is one run of `idp dev`.
type development struct {
	dir       string
	customDir bool
	cfg       *config.Config
	log       *slog.Logger

	issuer, demo, admin *demo.Listener
	app                 *demo.App
	administrator       string // on a real network; empty: nobody

	// Only on the simulated network; nil otherwise.
	walletListener *demo.Listener
	rpcListener    *demo.Listener
	network        *demo.Network
	wallet         *demo.Wallet
}

func runDev(ctx context.Context, args []string) error {
	o := newOptions("dev", "", `
Runs a provider to try and to develop against: with its own PostgreSQL, a demo
application, the admin pages, a wallet and a simulated NEAR network. It needs no
wallet, no account and no internet, and it listens on this machine alone.

Examples:
  idp dev
  idp dev --network testnet --admin you.testnet
  idp dev --addr 127.0.0.1:9090`)
	network := o.String("network", "", "a real `NETWORK`, testnet or mainnet, with the real wallets, instead of the simulated one")
	administrator := o.String("admin", "", "the `ACCOUNT` of that network that may use the admin pages")
	address := o.String("addr", devAddress, "loopback `ADDRESS` of the provider")
	dir := o.String("dir", "", "`DIRECTORY` that keeps everything (default: $IDP_DEV_DIR, or one of the user's own)")
	verbose := o.Bool("verbose", false, "log every request")
	if _, err := o.parse(args, 0, 0); err != nil {
		return err
	}
	if *network != "" && *network != config.Testnet && *network != config.Mainnet {
		return usage("dev", "unknown network %q: write testnet or mainnet, or leave --network out for the simulated one", *network)
	}
	if *administrator != "" && *network == "" {
		return usage("dev", "--admin is for a real network: on the simulated one, %s administers", demo.Administrator)
	}
	port, err := loopbackPort(*address)
	if err != nil {
		return err
	}
	d := &development{dir: *dir, customDir: *dir != "", log: devLogger(*verbose), administrator: *administrator}
	if d.dir == "" {
		d.dir = devDataDir(ctx)
	}
	if d.dir, err = filepath.Abs(d.dir); err != nil {
		return fmt.Errorf("dev: %w", err)
	}
	defer d.close()
	if err := d.listen(port, *network == ""); err != nil {
		return err
	}
	return d.run(ctx, *network)
}

// loopbackPort returns the port of a loopback address. The development wallet signs
// for whoever reaches it, so no other address will do.
func loopbackPort(address string) (int, error) {
	host, text, err := net.SplitHostPort(address)
	port, portErr := strconv.ParseUint(text, 10, 16)
	if err != nil || portErr != nil {
		return 0, usage("dev", "%q is not an address: write one such as %s", address, devAddress)
	}
	if host != "" && host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return 0, usage("dev", "%s is not a loopback address: development mode signs anybody in who reaches it, so it listens on this machine alone; idp serve listens elsewhere", host)
	}
	return int(port), nil
}

func devLogger(verbose bool) *slog.Logger {
	level := slog.LevelWarn // the output stays one screen
	if verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// listen takes the ports first, so that a taken one is said before anything starts.
func (d *development) listen(port int, simulated bool) error {
	var err error
	if d.issuer, err = demo.Listen(port); errors.Is(err, demo.ErrPortTaken) {
		return fmt.Errorf("%w: stop what listens there (another idp dev?), or let a free port be chosen: idp dev --addr 127.0.0.1:0", err)
	} else if err != nil {
		return fmt.Errorf("dev: %w", err)
	}
	if d.demo, err = demo.ListenFrom(devDemoPort); err != nil {
		return fmt.Errorf("demo application: %w", err)
	}
	if !simulated {
		return d.listenAdmin(d.demo)
	}
	if d.walletListener, err = demo.ListenFrom(max(devWalletPort, d.demo.Port()+1)); err != nil {
		return fmt.Errorf("development wallet: %w", err)
	}
	if d.rpcListener, err = demo.Listen(0); err != nil {
		return fmt.Errorf("simulated network: %w", err)
	}
	return d.listenAdmin(d.walletListener)
}

// listenAdmin takes a port after those that people look at.
func (d *development) listenAdmin(before *demo.Listener) (err error) {
	if d.admin, err = demo.ListenFrom(max(devAdminPort, before.Port()+1)); err != nil {
		return fmt.Errorf("admin pages: %w", err)
	}
	return nil
}

func (d *development) close() {
	for _, l := range []*demo.Listener{d.issuer, d.demo, d.admin, d.walletListener, d.rpcListener} {
		if l != nil {
			l.Close()
		}
	}
}

func (d *development) run(ctx context.Context, network string) error {
	d.cfg = config.Default(os.LookupEnv)
	d.cfg.Database.DataDir = d.dir
	if _, err := os.Stat(filepath.Join(d.dir, "data")); errors.Is(err, os.ErrNotExist) {
		fmt.Fprintln(os.Stdout, "\n  Making a database in "+d.dir+". This happens once.")
	}
	store, stop, err := startStore(ctx, d.cfg, nil, d.log)
	if err != nil {
		return err
	}
	defer stop()
	key, err := demo.LoadKey(filepath.Join(d.dir, devKeyFile))
	if err != nil {
		return err
	}
	options := d.build(key, network)
	if err := d.cfg.Validate(); err != nil {
		return err
	}
	if _, _, err := migrateStore(ctx, store); err != nil {
		return err
	}
	p, err := newProvider(ctx, d.cfg, store, options)
	if err != nil {
		return err
	}
	// For commands with --dev.
	for file, value := range map[string]string{devIssuerFile: d.cfg.Issuer, devNetworkFile: d.cfg.Near.Network} {
		if err := os.WriteFile(filepath.Join(d.dir, file), []byte(value+"\n"), 0o600); err != nil {
			return fmt.Errorf("dev: %w", err)
		}
	}
	d.print(os.Stdout)
	err = d.serve(ctx, p)
	if ctx.Err() != nil {
		fmt.Fprintln(os.Stdout, "\n  Stopped.")
	}
	return err
}

// build completes the configuration and makes the parts that are not the provider's.
func (d *development) build(key idp.Secret, network string) providerOptions {
	c := d.cfg
	c.Issuer = fmt.Sprintf("http://%s:%d", devIssuerHost, d.issuer.Port())
	c.Branding.Name = "Development provider"
	c.Encryption.Keys = []idp.Secret{key}
	c.Listen.Admin = d.admin.Addr().String()
	c.Listen.Ops = config.OpsOff // there is nobody to watch it, and often two of them
	c.Admin.URL = "http://" + hostPort(devAdminHost, d.admin)
	if d.administrator != "" {
		c.Admin.Accounts = []string{d.administrator}
	}
	c.Near.Network = cmp.Or(network, demo.NetworkID)
	options := providerOptions{Log: d.log, Notice: "Development mode, with real accounts of NEAR " + network + "."}
	if network == "" {
		options.Notice = "Development mode: the NEAR network and its accounts are simulated."
		c.Admin.Accounts = []string{demo.Administrator}
		d.network = demo.NewNetwork(key)
		d.wallet = demo.NewWallet(d.network, hostPort(devWalletHost, d.walletListener))
		c.Near.RPC = []string{"http://" + d.rpcListener.Addr().String()}
		c.Wallets = []config.Wallet{{ID: "announced"}, {ID: "near-cli"}} // the others' accounts are not on this network
		options.Wallets = []templates.Wallet{{
			ID: "development", Name: "Development wallet", Kind: templates.WalletPopup, URL: d.wallet.URL(),
		}}
	}
	secret := demo.ClientSecret(key)
	d.app = demo.NewApp(demo.AppOptions{
		Issuer: c.Issuer, ClientSecret: secret, Host: hostPort(devDemoHost, d.demo), Notice: options.Notice,
	})
	c.Clients = []config.Client{{Client: d.app.Registration(), Secret: secret}, {Client: d.app.ButtonRegistration()}}
	return options
}

func hostPort(host string, l *demo.Listener) string {
	return net.JoinHostPort(host, strconv.Itoa(l.Port()))
}

// serve answers on every port until ctx ends or one of them fails.
func (d *development) serve(ctx context.Context, p *provider) error {
	group, ctx := errgroup.WithContext(ctx)
	p.adminListener = d.admin
	group.Go(func() error { return p.serve(ctx, d.issuer) })
	group.Go(func() error { return serveUntil(ctx, d.demo, d.app) })
	if d.network != nil {
		group.Go(func() error { return serveUntil(ctx, d.walletListener, d.wallet) })
		group.Go(func() error { return serveUntil(ctx, d.rpcListener, d.network) })
	}
	return group.Wait()
}

func serveUntil(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 32 << 10}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

func (d *development) printAdmin(line func(name, value string)) {
	if accounts := d.cfg.Admin.Accounts; len(accounts) > 0 {
		line("Admin", d.cfg.Admin.URL+"  as "+accounts[0])
	} else {
		line("Admin", d.cfg.Admin.URL+"  (for nobody yet: idp dev --network "+d.cfg.Near.Network+" --admin ACCOUNT)")
	}
}

// print is the one screen that says where everything is.
func (d *development) print(w io.Writer) {
	line := func(name, value string) { fmt.Fprintf(w, "  %-11s %s\n", name, value) }
	fmt.Fprint(w, "\n  idp dev is ready. Open the demo application and press \"Sign in with NEAR\".\n\n")
	line("Demo", d.app.URL())
	line("Issuer", d.cfg.Issuer)
	line("Discovery", d.cfg.Issuer+"/.well-known/openid-configuration")
	if d.wallet != nil {
		line("Wallet", d.wallet.URL())
	}
	d.printAdmin(line)
	fmt.Fprintln(w)
	if d.network != nil {
		line("Simulated", "the NEAR network, its accounts, and the wallet that holds their keys.")
		line("Real", "the signatures, their verification, the protocol and the tokens.")
		line("", "Real accounts and wallets: idp dev --network testnet")
	} else {
		line("Real", "NEAR "+d.cfg.Near.Network+", its accounts and wallets. Nothing is simulated.")
		line("Asks", d.cfg.Near.RPC[0])
	}
	environment := ""
	if d.customDir {
		environment = "IDP_DEV_DIR='" + d.dir + "' "
	}
	fmt.Fprint(w, "\n  Register an application of your own:\n    "+environment+
		"idp client create --dev --id my-app --redirect-uri http://localhost:3000/callback\n\n")
	line("Data", d.dir)
	line("Stop", "Ctrl-C. The next start goes on with the same data; delete the directory to start afresh.")
}
