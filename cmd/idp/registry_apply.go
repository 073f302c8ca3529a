package main

import (
	"context"
	"encoding/hex"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"time"

	"near-idp/internal/clients"
)

// Apply makes clients be as list says, all of them or none. The plan may come with the error
// that it was refused with; it is nil if there is none.
func (r *registry) Apply(ctx context.Context, list []clients.Entry, opts clients.ApplyOptions) (*clients.Plan, error) {
	documents := make([]map[string]any, len(list))
	for i, entry := range list {
		var err error
		if documents[i], err = entryDocument(entry); err != nil {
			return nil, err
		}
	}
	plan := &clients.Plan{}
	err := r.do(ctx, "POST", clientsPath+":apply"+dryRun(opts.DryRun), map[string]any{
		"clients": documents, "prune": opts.Prune, "prune_many": opts.PruneMany,
	}, plan)
	if err != nil {
		plan = nil
		if e, refused := errors.AsType[*apiError](err); refused {
			plan = e.Plan
			e.Errors = inDocument(e.Errors, list)
		}
	}
	return plan, err
}

// entryDocument is an entry with its secret, or the hashes of its secrets, if it says which it has.
func entryDocument(entry clients.Entry) (map[string]any, error) {
	doc, err := members(entry.Client)
	if err != nil {
		return nil, err
	}
	if entry.Secret != "" {
		doc["client_secret"] = string(entry.Secret)
	}
	if entry.Secrets == nil {
		return doc, nil
	}
	hashes := make([]hashDocument, len(entry.Secrets))
	for i, s := range entry.Secrets {
		hashes[i] = hashDocument{s.ID, s.Prefix, hex.EncodeToString(s.Hash), s.CreatedAt, s.ExpiresAt}
	}
	own, _ := doc["idp"].(map[string]any)
	own["secrets"] = hashes
	return doc, nil
}

// A hashDocument is a secret as it is stored.
type hashDocument struct {
	ID        string    `json:"id,omitempty"`
	Prefix    string    `json:"prefix,omitempty"`
	Hash      string    `json:"hash"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

var (
	listPlace  = regexp.MustCompile(`^(?:clients )?clients\[(\d+)\][.:]? ?`)
	otherPlace = regexp.MustCompile(`is that of (clients\[(\d+)\]) too`)
)

// inDocument says of each mistake where it stands in the document that list was read from.
func inDocument(mistakes []fieldError, list []clients.Entry) []fieldError {
	where := func(index string) string {
		if i, err := strconv.Atoi(index); err == nil && i < len(list) {
			return list[i].Where
		}
		return "clients[" + index + "]"
	}
	mistakes = slices.Clone(mistakes)
	for i, m := range mistakes {
		text := m.Field + " " + m.Detail
		if other := otherPlace.FindStringSubmatchIndex(text); other != nil {
			text = text[:other[2]] + where(text[other[4]:other[5]]) + text[other[3]:]
		}
		if place := listPlace.FindStringSubmatch(text); place != nil {
			mistakes[i] = fieldError{where(place[1]) + ":", text[len(place[0]):]}
		}
	}
	return mistakes
}
