package oauth

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"near-idp/internal/idp"
)

// An Explanation tells the operator, in the audit log and nowhere else, what a
// client has to change. Unlike an Error's description it may quote the request.
type Explanation struct {
	Cause    string // in words
	Expected string // what would have been right
	Given    string // what came; never a secret, a code or a token
	Nearest  string // what is registered and most like it
}

// because adds an explanation to an error.
func (e *Error) because(why Explanation) *Error {
	e.Why = why
	return e
}

// expecting adds what would have been right and what came instead.
func (e *Error) expecting(expected, given string) *Error {
	return e.because(Explanation{Expected: expected, Given: quoted(given)})
}

// of notes the client that a refused request is from.
func of(c *idp.Client, err error) error {
	if refused, ok := errors.AsType[*Error](err); ok && c != nil {
		refused.ClientID = c.ID
	}
	return err
}

// leastSecret is the length of the shortest secret, code or token.
const leastSecret = 32

// quoted is a value of a request as an Explanation may show it. People put
// secrets into the wrong field, so what is as long as one is not shown.
func quoted(text string) string {
	known := strings.HasPrefix(text, "urn:ietf:params:oauth:") && len(text) < 2*leastSecret
	if len(text) >= leastSecret && !known {
		return fmt.Sprintf("(%d bytes)", len(text))
	}
	return text
}

// quotedURL is the same of an address: without credentials, query and fragment.
func quotedURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return quoted(text)
	}
	if u.Opaque != "" {
		return u.Scheme + ":" + quoted(u.Opaque)
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}

// unregistered explains an address that is not among the registered ones.
func unregistered(name, given string, registered []string) Explanation {
	why := Explanation{Given: quotedURL(given), Nearest: idp.Closest(given, registered)}
	if why.Nearest == "" {
		why.Cause = "no " + name + " is registered for this client"
		return why
	}
	why.Cause = fmt.Sprintf("%s %s is not registered; the nearest registered is %s", name, why.Given, quotedURL(why.Nearest))
	if parts := differences(given, why.Nearest); parts != "" {
		why.Cause += ", which differs in its " + parts
	}
	why.Nearest = quotedURL(why.Nearest)
	return why
}

// differences names the parts in which two addresses differ.
func differences(given, registered string) string {
	a, errA := url.Parse(given)
	b, errB := url.Parse(registered)
	if errA != nil || errB != nil {
		return ""
	}
	var parts []string
	for _, part := range []struct {
		name string
		same bool
	}{
		{"scheme", a.Scheme == b.Scheme},
		{"host", a.Hostname() == b.Hostname()},
		{"port", a.Port() == b.Port()},
		{"path", a.EscapedPath() == b.EscapedPath()},
		{"query", a.RawQuery == b.RawQuery},
		{"fragment", a.Fragment == b.Fragment},
	} {
		if !part.same {
			parts = append(parts, part.name)
		}
	}
	if len(parts) == 1 && strings.Trim(a.Path, "/") == strings.Trim(b.Path, "/") && parts[0] == "path" {
		return "trailing slash"
	}
	return strings.Join(parts, " and ")
}
