package clients

import (
	"errors"
	"fmt"
	"time"

	"near-idp/internal/idp"
)

// lifetimes fills in what l leaves out. Where a default would contradict what
// the client does say, it gives way: an ID token lives at least as long as
// the access token, and an idle refresh token no longer than its grant.
func (d Defaults) lifetimes(l idp.Lifetimes) idp.Lifetimes {
	full := l.Or(d.Lifetimes).Or(idp.DefaultLifetimes)
	if l.IDToken == 0 {
		full.IDToken = max(full.IDToken, full.AccessToken)
	}
	if l.RefreshIdle == 0 {
		full.RefreshIdle = min(full.RefreshIdle, full.RefreshAbsolute)
	}
	return full
}

const (
	second = idp.Duration(time.Second)
	minute = 60 * second
	day    = 24 * 60 * minute
)

// CheckLifetimes checks complete lifetimes against the bounds that keep a
// stolen code, token or grant from being useful for long. The error joins what
// is wrong; each part names the key, the value and the bound.
func CheckLifetimes(l idp.Lifetimes) error {
	var problems []error
	within := func(key string, value, least, most idp.Duration) {
		if value < least || value > most {
			problems = append(problems, fmt.Errorf("lifetimes.%s is %s: it must be from %s to %s", key, value, least, most))
		}
	}
	within("code", l.Code, second, 10*minute) // RFC 6749 section 4.1.2
	within("access_token", l.AccessToken, second, day)
	within("id_token", l.IDToken, second, day)
	within("refresh_idle", l.RefreshIdle, second, 366*day)
	within("refresh_absolute", l.RefreshAbsolute, second, 366*day)
	within("refresh_grace", l.RefreshGrace, 0, minute)
	if l.IDToken < l.AccessToken {
		problems = append(problems, fmt.Errorf("lifetimes.id_token is %s, shorter than access_token with %s: clients take the end of the ID token for the end of the login, so make it as long", l.IDToken, l.AccessToken))
	}
	if l.RefreshIdle > l.RefreshAbsolute {
		problems = append(problems, fmt.Errorf("lifetimes.refresh_idle is %s, longer than refresh_absolute with %s: shorten the one or lengthen the other", l.RefreshIdle, l.RefreshAbsolute))
	}
	return errors.Join(problems...)
}
