package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"near-idp/internal/idp"
)

// A client is written with the names that are registered with IANA for client metadata
// (RFC 7591 section 4.1); what is ours alone is in the object "idp".
var registered = []string{
	"client_id", "client_name", "client_uri", "logo_uri", "policy_uri", "tos_uri", "client_secret", "redirect_uris", "post_logout_redirect_uris",
	"backchannel_logout_uri", "backchannel_logout_session_required",
	"token_endpoint_auth_method", "token_endpoint_auth_signing_alg", "jwks", "jwks_uri",
	"require_pushed_authorization_requests", "grant_types", "response_types", "scope",
	"id_token_signed_response_alg", "dpop_bound_access_tokens",
}

// readOnly are members of "idp" that answers have and requests may repeat, without effect.
var readOnly = []string{"managed_by", "created_at", "updated_at", "source", "last_used_at", "logo"}

const extension = "idp"

// Document writes a client as the API does, and ParseDocument reads it.
func Document(c idp.Client) (json.RawMessage, error) { return documentWith(c, "") }

// ParseDocument reads an answer of the API that is a client, and the secret that may be in it.
func ParseDocument(body []byte) (c idp.Client, secret idp.Secret, err error) {
	var doc struct {
		Secret string          `json:"client_secret"`
		IDP    json.RawMessage `json:"idp"`
	}
	for _, into := range []any{&c, &doc} {
		if err := json.Unmarshal(body, into); err != nil {
			return c, "", err
		}
	}
	if len(doc.IDP) > 0 {
		own := struct {
			*idp.Client
			Logo *idp.ClientLogo `json:"logo"`
		}{&c, &c.Logo}
		err = json.Unmarshal(doc.IDP, &own)
	}
	return c, idp.Secret(doc.Secret), err
}

// documentWith adds a secret that is shown this once.
func documentWith(c idp.Client, secret idp.Secret) (json.RawMessage, error) {
	flat, err := members(c)
	if err != nil {
		return nil, err
	}
	doc, own := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	for name, value := range flat {
		if slices.Contains(registered, name) {
			doc[name] = value
		} else {
			own[name] = value
		}
	}
	if secret != "" {
		doc["client_secret"], _ = json.Marshal(string(secret)) // a string always is JSON
	}
	if c.Logo != (idp.ClientLogo{}) {
		if own["logo"], err = json.Marshal(c.Logo); err != nil {
			return nil, err
		}
	}
	if doc[extension], err = json.Marshal(own); err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

func members(c idp.Client) (flat map[string]json.RawMessage, err error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("client %q: %w", c.ID, err)
	}
	return flat, json.Unmarshal(text, &flat)
}

// parseDocument reads a client as document writes it, and the secret that its owner chose, if any.
func parseDocument(body []byte) (c idp.Client, secret idp.Secret, err error) {
	var doc map[string]json.RawMessage
	if err := decode(body, &doc); err != nil {
		return c, "", err
	}
	flat, err := flatten(doc)
	if err != nil {
		return c, "", err
	}
	if raw, given := flat["client_secret"]; given {
		if err := decode(raw, (*string)(&secret)); err != nil || secret == "" {
			return c, "", invalid([]fieldProblem{{"client_secret", "must be a text of 32 characters or more; leave it out to have one made"}})
		}
		delete(flat, "client_secret")
	}
	c, err = clientOf(flat)
	return c, secret, err
}

// flatten merges the object "idp" into the rest, and refuses a member in the wrong one.
func flatten(doc map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	var own map[string]json.RawMessage
	if raw, given := doc[extension]; given {
		if err := json.Unmarshal(raw, &own); err != nil {
			return nil, invalid([]fieldProblem{{extension, "must be an object"}})
		}
	}
	var list []fieldProblem
	flat := map[string]json.RawMessage{}
	for _, name := range slices.Sorted(maps.Keys(doc)) {
		switch {
		case name == extension:
		case slices.Contains(registered, name):
			flat[name] = doc[name]
		case ours(name):
			list = append(list, fieldProblem{name, `belongs into the object "idp"`})
		default:
			list = append(list, fieldProblem{name, "is not a known member"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		switch {
		case slices.Contains(readOnly, name):
		case slices.Contains(registered, name):
			list = append(list, fieldProblem{extension + "." + name, `belongs beside the object "idp", not into it`})
		case !ours(name):
			list = append(list, fieldProblem{extension + "." + name, "is not a known member"})
		default:
			flat[name] = own[name]
		}
	}
	return flat, invalid(list)
}

// ours reports whether name is a field of idp.Client that is not registered.
func ours(name string) bool {
	probe, err := json.Marshal(map[string]any{name: nil})
	if err != nil || slices.Contains(registered, name) {
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(probe))
	dec.DisallowUnknownFields()
	return dec.Decode(&idp.Client{}) == nil
}

func clientOf(flat map[string]json.RawMessage) (c idp.Client, err error) {
	text, err := json.Marshal(flat)
	if err != nil {
		return c, malformed(err.Error())
	}
	err = decode(text, &c)
	return c, err
}

// patched applies a merge patch (RFC 7396) to a client.
func patched(c idp.Client, patch map[string]any) (idp.Client, error) {
	if _, given := patch["client_secret"]; given {
		return c, invalid([]fieldProblem{{"client_secret", "cannot be changed here: POST to /secrets"}})
	}
	text, err := Document(c)
	if err != nil {
		return c, err
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		return c, err
	}
	merged, err := json.Marshal(merge(doc, patch))
	if err != nil {
		return c, err
	}
	to, _, err := parseDocument(merged)
	return to, err
}

func merge(target, patch map[string]any) map[string]any {
	for name, value := range patch {
		switch value := value.(type) {
		case nil:
			delete(target, name)
		case map[string]any:
			inner, _ := target[name].(map[string]any)
			if inner == nil {
				inner = map[string]any{}
			}
			target[name] = merge(inner, value)
		default:
			target[name] = value
		}
	}
	return target
}

// A page is what of a list is asked for: limit entries that come after.
type page struct {
	limit int
	after string
}

const (
	defaultPage = 100
	maxPage     = 1000
)

var badCursor = fieldProblem{"cursor", "is not one that a list of this API gave; leave it out to begin again"}

func pageOf(r *http.Request) (page, error) {
	q := r.URL.Query()
	p := page{limit: defaultPage}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPage {
			return p, invalid([]fieldProblem{{"limit", fmt.Sprintf("must be a number from 1 to %d", maxPage)}})
		}
		p.limit = n
	}
	if text := q.Get("cursor"); text != "" {
		after, err := parseCursor(text)
		if err != nil {
			return p, invalid([]fieldProblem{badCursor})
		}
		p.after = after
	}
	return p, nil
}
