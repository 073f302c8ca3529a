package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"near-idp/internal/idp"
)

const (
	// documentAge bounds how long a JWKS that was fetched is used without
	// asking again, by relying parties that heed its Cache-Control.
	documentAge = 10 * time.Minute
	// leastKept is how long a key must be kept: as long as a token of any client
	// may live, and an hour for clocks and caches.
	leastKept = day + time.Hour
)

func (c *Config) checkSigning(p *problems) {
	known := []string{idp.RS256, idp.ES256, idp.EdDSA, idp.PS256}
	for i, alg := range c.Signing.Algs {
		at := fmt.Sprintf("signing.algs[%d]", i)
		oneOf(p, at, alg, known...)
		if slices.Index(c.Signing.Algs, alg) < i {
			p.add(at, "%s is listed twice", quote(alg))
		}
	}
	if !slices.Contains(c.Signing.Algs, idp.RS256) {
		p.add("signing.algs", "RS256 is missing: every OpenID provider offers it, and clients count on it")
	}
	oneOf(p, "signing.default_alg", c.Signing.DefaultAlg, known...)
	if !slices.Contains(c.Signing.Algs, c.Signing.DefaultAlg) {
		p.add("signing.default_alg", "%s is not in signing.algs (%s)", quote(c.Signing.DefaultAlg), strings.Join(c.Signing.Algs, ", "))
	}
	c.checkRotation(p)
}

// checkRotation holds the schedule of the keys to what no relying party notices.
func (c *Config) checkRotation(p *problems) {
	s := c.Signing
	checkRange(p, "signing.rotate_every", s.RotateEvery, day, 366*day)
	checkRange(p, "signing.publish_before", s.PublishBefore, documentAge, 366*day)
	if s.PublishBefore >= s.RotateEvery {
		p.add("signing.publish_before", "%s is not less than signing.rotate_every, %s: a key is published while its predecessor signs", s.PublishBefore, s.RotateEvery)
	}
	if kept := s.KeepAfter.Std(); kept < leastKept || kept > 366*day {
		p.add("signing.keep_after", "%s is not between %s and 366d: a key must outlive the last token that it signed, which may live for a day", s.KeepAfter, idp.Duration(leastKept))
	}
}
