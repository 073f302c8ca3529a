package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"near-idp/internal/admin"
	"near-idp/internal/idp"
)

// A registry is the clients of one provider as the command line changes them.
type registry struct{ *api }

// open opens the target's clients. The caller calls close.
func (t target) open(ctx context.Context) (*registry, error) {
	a, err := t.api(ctx)
	if err != nil {
		return nil, err
	}
	return &registry{a}, nil
}

const clientsPath = "/admin/v1/clients"

func clientPath(id string) string { return clientsPath + "/" + url.PathEscape(id) }

// document reads an answer that is a client.
func document(body []byte) (idp.Client, idp.Secret, error) {
	c, secret, err := admin.ParseDocument(body)
	if err != nil {
		return c, "", fmt.Errorf("admin API: a client that cannot be read: %w", err)
	}
	return c, secret, nil
}

// List returns every client, ordered by id.
func (r *registry) List(ctx context.Context) ([]idp.Client, error) {
	list := []idp.Client{}
	for cursor := ""; ; {
		var page struct {
			Items []json.RawMessage `json:"items"`
			Next  string            `json:"next_cursor"`
		}
		if err := r.do(ctx, "GET", clientsPath+"?limit=1000&cursor="+url.QueryEscape(cursor), nil, &page); err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			c, _, err := document(item)
			if err != nil {
				return nil, err
			}
			list = append(list, c)
		}
		if cursor = page.Next; cursor == "" {
			return list, nil
		}
	}
}

// Client returns one client.
func (r *registry) Client(ctx context.Context, id string) (idp.Client, error) {
	var body []byte
	if err := r.do(ctx, "GET", clientPath(id), nil, &body); err != nil {
		return idp.Client{}, err
	}
	c, _, err := document(body)
	return c, err
}

// Create registers a client and returns it with its secret, if that was made for it.
func (r *registry) Create(ctx context.Context, c idp.Client, chosen idp.Secret, dry bool) (idp.Client, idp.Secret, error) {
	doc, err := members(c)
	if err != nil {
		return c, "", err
	}
	if chosen != "" {
		doc["client_secret"] = string(chosen)
	}
	var body []byte
	if err := r.do(ctx, "POST", clientsPath+dryRun(dry), doc, &body); err != nil {
		return c, "", err
	}
	return document(body)
}

// Update sends what change makes of a client, as a merge patch of the state that was read.
func (r *registry) Update(ctx context.Context, id string, change func(*idp.Client), dry bool) (idp.Client, error) {
	var body []byte
	header, err := r.exchange(ctx, "GET", clientPath(id), nil, &body)
	if err != nil {
		return idp.Client{}, err
	}
	c, _, err := document(body)
	if err != nil {
		return c, err
	}
	before, err := members(c)
	if err != nil {
		return c, err
	}
	change(&c)
	after, err := members(c)
	if err != nil {
		return c, err
	}
	patch, err := json.Marshal(difference(before, after))
	if err != nil {
		return c, err
	}
	if err := r.do(ctx, "PATCH", clientPath(id)+dryRun(dry), patch, &body, "If-Match", header.Get("ETag")); err != nil {
		return c, err
	}
	c, _, err = document(body)
	return c, err
}

// Delete removes a client.
func (r *registry) Delete(ctx context.Context, id string, dry bool) error {
	return r.do(ctx, "DELETE", clientPath(id)+dryRun(dry), nil, nil)
}

// Secrets lists what is known of a client's secrets.
func (r *registry) Secrets(ctx context.Context, id string) ([]idp.ClientSecret, error) {
	var page struct{ Items []idp.ClientSecret }
	err := r.do(ctx, "GET", clientPath(id)+"/secrets", nil, &page)
	return page.Items, err
}

// AddSecret makes one more secret; a zero expiry means that it does not expire.
func (r *registry) AddSecret(ctx context.Context, id string, expires time.Time) (idp.ClientSecret, idp.Secret, error) {
	var made struct {
		idp.ClientSecret
		Value string `json:"client_secret"`
	}
	in := map[string]any{}
	if !expires.IsZero() {
		in["expires_at"] = expires
	}
	err := r.do(ctx, "POST", clientPath(id)+"/secrets", in, &made)
	return made.ClientSecret, idp.Secret(made.Value), err
}

// DeleteSecret ends a secret.
func (r *registry) DeleteSecret(ctx context.Context, id, secretID string) error {
	return r.do(ctx, "DELETE", clientPath(id)+"/secrets/"+url.PathEscape(secretID), nil, nil)
}

func dryRun(dry bool) string {
	if dry {
		return "?dry_run=true"
	}
	return ""
}

// members is a client as a JSON object.
func members(c idp.Client) (doc map[string]any, err error) {
	text, err := admin.Document(c)
	if err != nil {
		return nil, err
	}
	return doc, json.Unmarshal(text, &doc)
}

// difference is the merge patch (RFC 7396) that makes after of before.
func difference(before, after map[string]any) map[string]any {
	patch := map[string]any{}
	for name, now := range after {
		was, had := before[name]
		inner, isObject := now.(map[string]any)
		old, wasObject := was.(map[string]any)
		switch {
		case isObject && wasObject:
			if part := difference(old, inner); len(part) > 0 {
				patch[name] = part
			}
		case !had || !equal(was, now):
			patch[name] = now
		}
	}
	for name := range before {
		if _, still := after[name]; !still {
			patch[name] = nil
		}
	}
	return patch
}

func equal(a, b any) bool {
	one, errA := json.Marshal(a)
	other, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(one, other)
}
