package clients

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"near-idp/internal/idp"
)

// checkPolicies refuses the names of policies that do not exist.
func (d Defaults) checkPolicies(c idp.Client) error {
	check := func(field, section, name string, known []string) error {
		if err := checkName(name); err != nil {
			return fmt.Errorf("%s %q %w", field, shorten(name), err)
		}
		switch {
		case name == "" || known == nil || slices.Contains(known, name):
			return nil
		case len(known) == 0:
			return fmt.Errorf("%s %q is not known: there are none in the configuration, under %s", field, shorten(name), section)
		}
		return fmt.Errorf("%s %q is not known: use one of %s, or add it to the configuration, under %s", field, shorten(name), strings.Join(known, ", "), section)
	}
	return errors.Join(check("claim_policy", "claim_policies", c.ClaimPolicy, d.ClaimPolicies),
		check("access_policy", "access_policies", c.AccessPolicy, d.AccessPolicies))
}

// withoutPolicies are the defaults for clients that are stored, whose policies may have
// gone from the configuration since. They stay, so that what their policies forbid stays
// forbidden: without the first a client learns the least, without the second nobody gets in.
func (d Defaults) withoutPolicies(c idp.Client, log *slog.Logger) Defaults {
	if err := d.checkPolicies(c); err != nil {
		log.Error("client lacks a policy: people are refused, or it learns less than before", "client_id", c.ID, "err", err)
	}
	d.ClaimPolicies, d.AccessPolicies = nil, nil
	return d
}
