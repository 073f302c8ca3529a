package near

import (
	"errors"
	"fmt"
	"strings"
)

// ErrInvalidAccountID reports text that is not a NEAR account id.
var ErrInvalidAccountID = errors.New("near: invalid account id")

// ErrAccountTypeUnsupported reports an account that has no Ed25519 access keys
// by construction, so that NEP-413 cannot prove it: an ETH-implicit or a
// deterministic (NEP-616) account.
var ErrAccountTypeUnsupported = errors.New("near: account type cannot sign NEP-413 messages")

const (
	minAccountID = 2
	maxAccountID = 64
)

// AccountID is a NEAR account id of 2 to 64 bytes. Values come from
// ParseAccountID; "google.com" is a valid one, so an account id proves nothing
// about a domain name.
type AccountID string

// AccountType says how an account id came to be.
type AccountType string

// The account types that the form of an id tells apart.
const (
	Named         AccountType = "named"
	NEARImplicit  AccountType = "near_implicit" // 64 hex digits: an Ed25519 public key
	ETHImplicit   AccountType = "eth_implicit"  // 0x and 40 hex digits
	Deterministic AccountType = "deterministic" // 0s and 40 hex digits, NEP-616
)

// ParseAccountID accepts exactly the account id grammar
// (([a-z\d]+[-_])*[a-z\d]+\.)*([a-z\d]+[-_])*[a-z\d]+ of 2 to 64 bytes. Nothing
// is trimmed or folded: "Alice.near" is refused, not read as "alice.near". The
// error wraps ErrInvalidAccountID.
func ParseAccountID(text string) (AccountID, error) {
	if len(text) < minAccountID || len(text) > maxAccountID {
		return "", fmt.Errorf("%w %s: %d bytes long, must be %d to %d",
			ErrInvalidAccountID, quote(text), len(text), minAccountID, maxAccountID)
	}
	afterSeparator := true
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			afterSeparator = false
		case c != '.' && c != '-' && c != '_':
			return "", fmt.Errorf("%w %s: byte %d is not a lower-case letter, a digit or one of . - _",
				ErrInvalidAccountID, quote(text), i)
		case afterSeparator:
			return "", fmt.Errorf("%w %s: the separator at byte %d does not follow a letter or a digit",
				ErrInvalidAccountID, quote(text), i)
		default:
			afterSeparator = true
		}
	}
	if afterSeparator {
		return "", fmt.Errorf("%w %s: ends with a separator", ErrInvalidAccountID, quote(text))
	}
	return AccountID(text), nil
}

// Type classifies a parsed id by its form alone.
func (id AccountID) Type() AccountType {
	text := string(id)
	switch {
	case len(text) == 64 && isLowerHex(text):
		return NEARImplicit
	case len(text) == 42 && strings.HasPrefix(text, "0x") && isLowerHex(text[2:]):
		return ETHImplicit
	case len(text) == 42 && strings.HasPrefix(text, "0s") && isLowerHex(text[2:]):
		return Deterministic
	default:
		return Named
	}
}

func isLowerHex(text string) bool {
	for i := range len(text) {
		c := text[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// quote renders hostile text for an error message: escaped, so that it cannot
// forge a log line, and cut, so that it cannot flood one.
func quote(text string) string {
	const most = 80
	if len(text) > most {
		return fmt.Sprintf("%q…", text[:most])
	}
	return fmt.Sprintf("%q", text)
}
