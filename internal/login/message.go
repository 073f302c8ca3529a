package login

import (
	"crypto/sha256"
	"strings"

	"near-idp/internal/idp"
)

// Wallets and the Ledger show so much of a message and of a name; what the
// person cannot see does not protect them.
const (
	maxName = 40
	maxHost = 100
)

// ShortCode is what the page and the signed message both show, so that a
// person can tell that they belong together. It is derived from the nonce, and
// gives nothing away.
func ShortCode(nonce [32]byte) string {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	sum := sha256.Sum256(append([]byte("short code "), nonce[:]...))
	var b [9]byte
	for i := range 8 {
		b[i+i/4] = alphabet[sum[i]%32]
	}
	b[4] = '-'
	return string(b[:])
}

// message returns the text that a wallet signs, as a function of the short
// code. It is one line of printable ASCII without quotes, which every wallet,
// shell and Ledger shows as it is, and it names the client and its host, so that a
// relayed request betrays itself.
func message(c *idp.Client, host, recipient string) func(code string) string {
	to := recipient
	if c != nil {
		if len(host) > maxHost {
			host = "..." + host[len(host)-maxHost:] // the end of a host name says whose it is
		}
		to = host
		if name := asciiName(c.DisplayName()); name != "" {
			to = name + " (" + host + ")"
		}
		to += " via " + recipient
	}
	return func(code string) string {
		return "Sign in to " + to + " with your NEAR account. Request " + code +
			". This is free and does not send a transaction."
	}
}

// asciiName keeps of a client's name what cannot be mistaken for something
// else in the signed text: the name is the registrant's, the text is ours.
func asciiName(name string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" ._-", r):
			return r
		}
		return -1
	}, name)
	clean = strings.Join(strings.Fields(clean), " ")
	if len(clean) > maxName {
		clean = strings.TrimSpace(clean[:maxName])
	}
	return clean
}

// withCode returns the message of an expired challenge with the code of its successor.
func withCode(message, old, fresh string) string {
	return strings.Replace(message, "Request "+old, "Request "+fresh, 1)
}
