package claims

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"near-idp/internal/idp"
)

// The limits of RFC 5321 section 4.5.3.1, of which the last follows from a path of 256 with its brackets.
const (
	maxLocal  = 64
	maxDomain = 254 - maxLocal - len("@")
)

var (
	localSyntax  = regexp.MustCompile(`^[a-z0-9_+-]+(\.[a-z0-9_+-]+)*$`)
	domainSyntax = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// foreign are domains at which others have mailboxes, of a NEAR account's name or
// of any: whoever has one there would be taken for the account, or the account for them.
var foreign = []string{
	"near.email", "near.org", "near.ai", "near.foundation",
	"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "yahoo.com", "icloud.com", "me.com", "aol.com",
	"proton.me", "protonmail.com", "pm.me", "gmx.com", "gmx.net", "gmx.de", "web.de", "mail.com", "mail.ru", "yandex.com", "yandex.ru",
	"zoho.com", "fastmail.com", "tutanota.com", "tuta.com", "qq.com", "163.com", "126.com", "duck.com", "hey.com",
}

// address reads the template of an address: {account_id} once before the @, and a domain.
func address(template string) (claim, error) {
	local, domain, _ := strings.Cut(template, "@")
	before, after, one := strings.Cut(local, accountID)
	switch {
	case !one || strings.Contains(after, accountID):
		return claim{}, fmt.Errorf("%.100q does not have {account_id} once before the @: without it everybody would have the same address", template)
	case strings.Contains(local, "{sub}"):
		return claim{}, errors.New("write {account_id} in an address: an account that was created anew gets another address by itself")
	case !localSyntax.MatchString(before+"alice.near"+after) || strings.Contains(before, "--") || len(before)+len(after) > maxLocal/2:
		return claim{}, fmt.Errorf("%.100q is no local part of an address: put at most %d of a-z 0-9 . _ + - around {account_id}, and no --", local, maxLocal/2)
	}
	if err := checkDomain(domain); err != nil {
		return claim{}, err
	}
	return claim{profile, func(who idp.Identity, _ func(string) []string) any {
		return localPart(before, who, after) + "@" + domain
	}}, nil
}

// localPart never is the same for two people. An account that was deleted and created
// anew is "alice.near#2" and gets "alice.near--2": account ids have no two separators in a
// row, and mail servers and applications take # for various things. What is too long for a local part is
// replaced by its hash, which no account id can be either.
func localPart(before string, who idp.Identity, after string) string {
	local := before + strings.Replace(who.Subject, "#", "--", 1) + after
	if len(local) > maxLocal {
		sum := sha256.Sum256([]byte(local))
		return "x--" + hex.EncodeToString(sum[:20])
	}
	return local
}

func checkDomain(domain string) error {
	switch {
	case !domainSyntax.MatchString(domain) || len(domain) > maxDomain:
		return fmt.Errorf("%.100q is no domain of an address: write one of your own in lower case, such as users.example.com, or one that ends in .invalid", domain)
	case slices.ContainsFunc(foreign, func(other string) bool { return domain == other || strings.HasSuffix(domain, "."+other) }):
		return fmt.Errorf("%q is not yours: others have mailboxes there, and an application would take them for your users. Write a domain of your own, such as users.example.com, or one that ends in .invalid", domain)
	}
	return nil
}
