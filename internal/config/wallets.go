package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"near-idp/internal/icon"
	"near-idp/internal/idp"
)

// The protocols that wallets are spoken to by (wallets.md section 2).
const (
	SignMessage = "sign-message" // MyNearWallet's /sign-message, in a window or in the page's place
	MeteorWeb   = "meteor"       // Meteor's window or its extension
	IntearWeb   = "intear"       // Intear's window
	LedgerHID   = "ledger"       // a Ledger over WebHID
	Extension   = "extension"    // an object that an extension puts into the page, by the wallet's id
	Announced   = "announced"    // whatever announces itself by the injected-wallet standard
	CommandLine = "command-line" // the NEAR CLI: a command to run, whose output is pasted
	HOTRelay    = "hot-relay"    // HOT Wallet on another device, through its maker's relay
	MobileRelay = "near-mobile"  // NEAR Mobile, through its maker's relay
	Phone       = "phone"        // any wallet, on another device that scans a code
)

// A Wallet is one that the login page offers. A known one needs nothing but its id, for
// which the id alone in the list is short.
type Wallet struct {
	// ID is that of a known wallet, or one of the operator's choice: at most 32 lower-case
	// letters, digits and hyphens.
	ID string `yaml:"id"`
	// Name is what people read on the button, at most 40 characters. Default: the known
	// wallet's own.
	Name string `yaml:"name,omitempty"`
	// Protocol is how a wallet that is not known is spoken to: sign-message, meteor or intear.
	Protocol string `yaml:"protocol,omitempty"`
	// URL is the origin of a wallet on the web, https or loopback. Default: the known
	// wallet's own for the network.
	URL string `yaml:"url,omitempty"`
	// Redirect has a wallet that speaks sign-message always take the page's place, so
	// that its signature covers our callback and is worth nothing to a page that relays it.
	// Default false: a window, and the page's place on small screens.
	Redirect bool `yaml:"redirect,omitempty"`
	// Icon is a file with an SVG or a PNG of at most 32 KiB, read at the start, whose path has
	// a dot or a slash in it; or the id of a known wallet, for its icon. A relative path starts from
	// the configuration file. Default: the known wallet's own, or that of a wallet.
	Icon string `yaml:"icon,omitempty"`
	// Picture is what the file Icon holds; nil: it names none.
	Picture *icon.Icon `yaml:"-"`
	// Networks lists where it is offered, mainnet or testnet. Default: wherever it works.
	Networks []string `yaml:"networks,omitempty"`
}

// A knownWallet is what a wallet's id stands for.
type knownWallet struct {
	name     string
	protocol string
	// urls holds its origin on each network; nil: it has none.
	urls map[string]string
	// networks is where it works; nil: everywhere.
	networks []string
}

func everywhere(origin string) map[string]string {
	return map[string]string{Mainnet: origin, Testnet: origin}
}

var knownWallets = map[string]knownWallet{
	"announced":    {name: "Announced wallets", protocol: Announced},
	"bitte":        {name: "Bitte", protocol: SignMessage, urls: map[string]string{Mainnet: "https://wallet.bitte.ai", Testnet: "https://testnet.wallet.bitte.ai"}},
	"hot":          {name: "HOT Wallet", protocol: Extension, networks: []string{Mainnet}},
	"hot-relay":    {name: "HOT Wallet (phone)", protocol: HOTRelay, urls: map[string]string{Mainnet: "https://h4n.app"}, networks: []string{Mainnet}},
	"intear":       {name: "Intear Wallet", protocol: IntearWeb, urls: everywhere("https://wallet.intear.tech")},
	"ledger":       {name: "Ledger", protocol: LedgerHID},
	"meteor":       {name: "Meteor Wallet", protocol: MeteorWeb, urls: everywhere("https://wallet.meteorwallet.app")},
	"mynearwallet": {name: "MyNearWallet", protocol: SignMessage, urls: map[string]string{Mainnet: "https://app.mynearwallet.com", Testnet: "https://testnet.mynearwallet.com"}},
	"near-mobile":  {name: "NEAR Mobile", protocol: MobileRelay, urls: map[string]string{Mainnet: "https://near-mobile-signer-backend_production.peersyst.tech"}, networks: []string{Mainnet}},
	"near-cli":     {name: "NEAR CLI", protocol: CommandLine},
	"nightly":      {name: "Nightly", protocol: Extension},
	"okx":          {name: "OKX Wallet", protocol: Extension},
	"phone":        {name: "Another device", protocol: Phone},
	"sender":       {name: "Sender", protocol: Extension},
}

// walletIDs are those of the known wallets, sorted.
var walletIDs = slices.Sorted(maps.Keys(knownWallets))

// defaultWallets are offered where the file has no list: those that this machine may have
// before those elsewhere, and of these the ones that sign in and sign in one window first.
var defaultWallets = []string{"announced", "hot", "nightly", "okx", "sender", "meteor", "intear", "mynearwallet", "near-cli", "phone"}

// hasButton reports that the list shows it as an entry of its own.
func (k knownWallet) hasButton() bool {
	return !slices.Contains([]string{Announced, CommandLine, Phone}, k.protocol)
}

func (k knownWallet) on(network string) bool {
	return k.networks == nil || slices.Contains(k.networks, network)
}

// deriveWallets fills in what follows from the ids and the network.
func (c *Config) deriveWallets() {
	if c.Wallets == nil {
		for _, id := range defaultWallets {
			if knownWallets[id].on(c.Near.Network) {
				c.Wallets = append(c.Wallets, Wallet{ID: id})
			}
		}
	}
	for i := range c.Wallets {
		w := &c.Wallets[i]
		if known, ok := knownWallets[w.ID]; ok {
			setDefault(&w.Name, known.name)
			setDefault(&w.Protocol, known.protocol)
			setDefault(&w.URL, known.urls[c.Near.Network])
		}
	}
}

// OfferedWallets are the wallets of the list that work on the provider's network.
func (c *Config) OfferedWallets() []Wallet {
	var list []Wallet
	for _, w := range c.Wallets {
		if knownWallets[w.ID].on(c.Near.Network) && (w.Networks == nil || slices.Contains(w.Networks, c.Near.Network)) {
			list = append(list, w)
		}
	}
	return list
}

// maxWallets bounds the list: nobody finds his wallet among more.
const maxWallets = 50

var walletID = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func (c *Config) checkWallets(p *problems) {
	if len(c.Wallets) > maxWallets {
		p.add("wallets", "lists %d wallets: keep %d at most", len(c.Wallets), maxWallets)
		return
	}
	for i, w := range c.Wallets {
		key := fmt.Sprintf("wallets[%d]", i)
		c.checkWallet(p, key, w)
		for j, earlier := range c.Wallets[:i] {
			switch {
			case w.ID != "" && w.ID == earlier.ID:
				p.add(key+".id", "%s is also the id of wallets[%d]: keep one of them", quote(w.ID), j)
			case w.Name != "" && w.Name == earlier.Name:
				p.add(key+".name", "%s is also the name of wallets[%d]: people could not tell them apart", quote(w.Name), j)
			}
		}
	}
}

func (c *Config) checkWallet(p *problems, key string, w Wallet) {
	known, isKnown := knownWallets[w.ID]
	switch {
	case w.ID == "":
		p.add(key+".id", "required: write one of %s, or one of your choice with name, protocol and url", strings.Join(walletIDs, ", "))
		return
	case isKnown:
		c.checkKnownWallet(p, key, w, known)
	case len(w.ID) > 32 || !walletID.MatchString(w.ID):
		p.add(key+".id", "%s is not an id: write at most 32 lower-case letters, digits and single hyphens between them", quote(w.ID))
	case w.Protocol == "":
		hint := fmt.Sprintf("the known ones are %s", strings.Join(walletIDs, ", "))
		if near := idp.Nearest(w.ID, walletIDs); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		p.add(key+".id", "%s is not a known wallet: %s (one of your own needs name, protocol and url too)", quote(w.ID), hint)
	default:
		checkOwnWallet(p, key, w)
	}
	checkName(p, key+".name", w.Name, 40)
	checkIcon(p, key+".icon", w)
	if w.Redirect && w.Protocol != SignMessage {
		p.add(key+".redirect", "only wallets that speak %s can take the page's place", SignMessage)
	}
	for i, network := range w.Networks {
		at := fmt.Sprintf("%s.networks[%d]", key, i)
		oneOf(p, at, network, Mainnet, Testnet)
		if !known.on(network) {
			p.add(at, "%s is on %s only", known.name, strings.Join(known.networks, ", "))
		}
	}
	if w.Networks != nil && len(w.Networks) == 0 {
		p.add(key+".networks", "names no network, so nobody would see this wallet: remove it from the list")
	}
}

func (c *Config) checkKnownWallet(p *problems, key string, w Wallet, known knownWallet) {
	switch {
	case w.Protocol != known.protocol:
		p.add(key+".protocol", "%s speaks a protocol of its own: remove the key, or give the wallet another id", known.name)
	case known.urls != nil:
		if w.URL != "" { // it is empty only if the network is wrong, which was said
			checkWalletURL(p, key+".url", w.URL)
		}
	case w.URL != "":
		p.add(key+".url", "%s has no address: remove the key", known.name)
	case !known.hasButton() && w.Name != known.name:
		p.add(key+".name", "%s has no button of its own: remove the key", quote(w.ID))
	}
	if w.Networks == nil && !known.on(c.Near.Network) && c.Near.Network != "" {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s: %s is on %s only, so it is not offered on %s", key, known.name, strings.Join(known.networks, ", "), c.Near.Network))
	}
}

// checkOwnWallet checks one that the operator describes.
func checkOwnWallet(p *problems, key string, w Wallet) {
	oneOf(p, key+".protocol", w.Protocol, SignMessage, MeteorWeb, IntearWeb)
	if w.Name == "" {
		p.add(key+".name", "required: write what people know the wallet by")
	}
	if w.URL == "" {
		p.add(key+".url", "required: write the wallet's origin, such as https://wallet.example.com")
		return
	}
	checkWalletURL(p, key+".url", w.URL)
}

func checkWalletURL(p *problems, key, text string) {
	u, err := parseURL(text)
	switch {
	case err != nil:
		p.add(key, "%w", err)
	case u.Scheme != "https" && !isLoopback(u.Hostname()):
		p.add(key, "%s is not https", quote(text))
	case u.Scheme+"://"+u.Host != text:
		p.add(key, "%s is more than an origin: write %s", quote(text), quote(u.Scheme+"://"+u.Host))
	}
}

// NeutralIcon is the icon of wallets that have none.
const NeutralIcon = "wallet"

// readIcons reads the files that icons are in.
func (d *decoder) readIcons(c *Config) {
	for i := range c.Wallets {
		w := &c.Wallets[i]
		if !strings.ContainsAny(w.Icon, "./") {
			continue
		}
		if !filepath.IsAbs(w.Icon) {
			w.Icon = filepath.Join(d.dir, w.Icon)
		}
		key := fmt.Sprintf("wallets[%d].icon", i)
		data, err := d.files.read(w.Icon, icon.MaxBytes)
		if err != nil {
			d.add(key, "cannot read the picture: %w", err)
			continue
		}
		if w.Picture, err = icon.Read(data); err != nil {
			d.add(key, "%s: %w", w.Icon, err)
		}
	}
}

func checkIcon(p *problems, key string, w Wallet) {
	known, isKnown := knownWallets[w.Icon]
	switch {
	case w.Icon == "" || w.Icon == NeutralIcon || w.Picture != nil:
	case !isKnown || !known.hasButton():
		p.add(key, "%s is neither a file, such as /etc/idp/wallet.svg, nor the id of a known wallet with an icon", quote(w.Icon))
	}
	if isOwn, ok := knownWallets[w.ID]; ok && !isOwn.hasButton() && w.Icon != "" {
		p.add(key, "%s has no button of its own: remove the key", quote(w.ID))
	}
}
