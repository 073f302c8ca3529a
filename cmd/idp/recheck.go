package main

import (
	"context"
	"fmt"

	"near-idp/internal/near"
	"near-idp/internal/postgres"
)

// recheck answers oauth's question about a key from the chain.
type recheck struct {
	chain   *near.Client
	store   *postgres.Store
	network string
}

// HoldsKey implements oauth.Chain.
func (r *recheck) HoldsKey(ctx context.Context, accountID, publicKey string) (bool, error) {
	account, err := near.ParseAccountID(accountID)
	if err != nil {
		return false, err
	}
	key, err := near.ParsePublicKey(publicKey)
	if err != nil {
		return false, err
	}
	check, err := r.chain.CheckAccessKey(ctx, account, key)
	if err != nil {
		return false, err
	}
	if check.Status != near.AccountNotFound {
		return check.Status == near.Authorised, nil
	}
	// Whoever creates the account next is somebody else.
	if err := r.store.CloseSubject(ctx, r.network, accountID); err != nil {
		return false, fmt.Errorf("close subject: %w", err)
	}
	if _, err := r.store.EndSessionsOf(ctx, r.network, accountID); err != nil {
		return false, fmt.Errorf("end sessions: %w", err)
	}
	return false, nil
}
