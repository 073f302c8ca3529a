package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"near-idp/internal/config"
	"near-idp/internal/doctor"
	"near-idp/internal/idp"
	"near-idp/internal/keyring"
	"near-idp/internal/postgres"
)

// rotationLate is how long after its time a key may go without a successor: replicas look every minute.
const rotationLate = time.Hour

func checkKeys(ctx context.Context, cfg *config.Config, store *postgres.Store) []doctor.Result {
	vault, err := keyVault(cfg, store)
	if err != nil {
		return []doctor.Result{doctor.Bad("signing keys", err, "Replace the key in encryption.keys; if it has wrapped signing keys already, keep the old one after it.")}
	}
	n, err := vault.Check(ctx)
	switch {
	case errors.Is(err, idp.ErrUnavailable):
		return []doctor.Result{doctor.Bad("signing keys", err, databaseRemedy(cfg))}
	case err != nil:
		return []doctor.Result{doctor.Bad("signing keys", err, "Add the encryption key that wrapped them back to encryption.keys; the first encrypts, all decrypt.")}
	case n == 0:
		return []doctor.Result{doctor.Good("signing keys", "none yet: the first start makes them")}
	}
	results := []doctor.Result{doctor.Good("signing keys", "%d keys, each opens with encryption.keys", n)}
	list, err := vault.List(ctx)
	if err != nil {
		return append(results, doctor.Bad("key rotation", err, databaseRemedy(cfg)))
	}
	return append(results, checkWrapping(vault, list), checkRotation(vault, list))
}

// checkWrapping tells whether encryption keys can be taken out of the list.
func checkWrapping(vault keyring.Vault, list []keyring.KeyInfo) doctor.Result {
	const check = "encryption keys"
	first, older := vault.KEKs[0].String(), 0
	for _, k := range list {
		if k.EncryptionKey != first {
			older++
		}
	}
	switch {
	case older > 0:
		return worry(check, fmt.Sprintf("%d of %d signing keys are not wrapped under the first of encryption.keys, whose fingerprint is %s", older, len(list), first),
			"Keep the others in the list. Send SIGHUP to an idp serve that has this list, or restart it: it wraps them anew.")
	case len(vault.KEKs) > 1:
		return doctor.Good(check, "all is wrapped under the first, %s; the others can go once every replica has it", first)
	}
	return doctor.Good(check, "all is wrapped under %s", first)
}

// checkRotation finds keys whose time is over and that have no successor.
func checkRotation(vault keyring.Vault, list []keyring.KeyInfo) doctor.Result {
	const check = "key rotation"
	now := time.Now()
	var oldest time.Duration
	for _, k := range list {
		if !k.RetiresAt.IsZero() || k.State == keyring.KeyOff {
			continue
		}
		age := now.Sub(k.ActivatesAt).Truncate(time.Minute)
		if age > vault.Schedule.RotateEvery+rotationLate {
			return worry(check, fmt.Sprintf("the %s key %s signs since %s, and signing.rotate_every is %s", k.Alg, k.KID, age, vault.Schedule.RotateEvery),
				"It has no successor, so no idp serve runs that could make one, or it fails to: see its log, or run `idp key rotate`.")
		}
		oldest = max(oldest, age)
	}
	return doctor.Good(check, "the oldest that signs does so since %s, of %s", oldest, vault.Schedule.RotateEvery)
}
