package main

import (
	"context"
	"net/url"
	"strings"

	"near-idp/internal/keyring"
)

const keysPath = "/admin/v1/keys"

// keys lists the target's signing keys. Looking needs no encryption key.
func (t target) keys(ctx context.Context) ([]keyring.KeyInfo, error) {
	if t.elsewhere() {
		var page struct{ Items []keyring.KeyInfo }
		err := t.call(ctx, "GET", keysPath, nil, &page)
		return page.Items, err
	}
	cfg, store, close, err := t.database(ctx)
	if err != nil {
		return nil, err
	}
	defer close()
	return keyring.Vault{Store: store, Algs: cfg.Signing.Algs}.List(ctx)
}

// rotateKeys is keyring.Vault.RotateAll for the target, or its check that changes nothing.
func (t target) rotateKeys(ctx context.Context, alg string, atOnce, dry bool) (list []keyring.KeyInfo, waiting, err error) {
	if t.elsewhere() {
		var page struct{ Items []keyring.KeyInfo }
		in := map[string]any{"now": atOnce}
		if alg != "" {
			in["alg"] = alg
		}
		err := t.call(ctx, "POST", keysPath+":rotate"+dryRun(dry), in, &page)
		return page.Items, nil, err
	}
	v, err := t.vault(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer v.close()
	if alg != "" && !v.Rotates(alg) {
		return nil, nil, usage(t.options.Name(), "--alg %q is not one of signing.algs (%s) or %s", alg, strings.Join(v.Algs, ", "), algMAC)
	}
	if dry {
		return nil, nil, v.CheckRotate(ctx, alg, atOnce)
	}
	return v.RotateAll(ctx, alg, atOnce)
}

// retireKey is keyring.Vault.TakeOut for the target, or its check that changes nothing.
func (t target) retireKey(ctx context.Context, kid string, compromised, dry bool) (r keyring.Retirement, err error) {
	if t.elsewhere() {
		err := t.call(ctx, "POST", keysPath+"/"+url.PathEscape(kid)+":retire"+dryRun(dry), map[string]any{"compromised": compromised}, &r)
		return r, err
	}
	v, err := t.vault(ctx)
	if err != nil {
		return r, err
	}
	defer v.close()
	if dry {
		return r, v.CheckTakeOut(ctx, kid, compromised)
	}
	return v.TakeOut(ctx, kid, compromised)
}

// call sends one request to the target's admin API.
func (t target) call(ctx context.Context, method, path string, in, out any) error {
	a, err := t.api(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	return a.do(ctx, method, path, in, out)
}
