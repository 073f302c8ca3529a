package admin

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
)

// applyClients makes the clients that the API owns be as a list says, all in one
// transaction, or tells what it would do.
func (s *Server) applyClients(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Clients   []json.RawMessage `json:"clients"`
		Prune     bool              `json:"prune"`
		PruneMany bool              `json:"prune_many"`
	}
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	if body.Clients == nil {
		return invalid([]fieldProblem{{"clients", "is missing: send [] if no client is meant"}})
	}
	list := make([]clients.Entry, len(body.Clients))
	var wrong []fieldProblem
	for i, raw := range body.Clients {
		entry, err := entryOfDocument(raw)
		if p, bad := errors.AsType[*problem](err); bad {
			wrong = append(wrong, p.within(fmt.Sprintf("clients[%d]", i))...)
		} else if err != nil {
			return err
		}
		list[i] = entry
	}
	if err := invalid(wrong); err != nil {
		return err
	}
	return s.apply(w, r, list, clients.ApplyOptions{Prune: body.Prune, PruneMany: body.PruneMany})
}

// apply answers with the plan, which is also part of a refusal of it.
func (s *Server) apply(w http.ResponseWriter, r *http.Request, list []clients.Entry, opts clients.ApplyOptions) error {
	opts.DryRun = dryRun(r)
	plan, err := s.Clients.Apply(r.Context(), list, opts)
	plan.Changes = orEmpty(plan.Changes)
	if _, bad := errors.AsType[*clients.Invalid](err); bad {
		return invalidList(err)
	}
	if err != nil {
		p := asProblem(r, err)
		if errors.Is(err, idp.ErrConflict) {
			p.Plan = &plan
		}
		return p
	}
	return writeJSON(w, http.StatusOK, plan)
}

// within are the mistakes of a document that is part of another one.
func (p *problem) within(place string) (list []fieldProblem) {
	if len(p.Errors) == 0 {
		return []fieldProblem{{place, p.Detail}}
	}
	for _, e := range p.Errors {
		list = append(list, fieldProblem{place + "." + e.Field, e.Detail})
	}
	return list
}

var listLine = regexp.MustCompile(`^(clients\[\d+\]): ([a-z_]+(?:\.[a-z_]+)?) (.*)$`)

// invalidList is invalidClient for what is wrong with some of a list.
func invalidList(err error) error {
	var list []fieldProblem
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSpace(line)
		if m := listLine.FindStringSubmatch(line); m != nil {
			list = append(list, fieldProblem{m[1] + "." + m[2], m[3]})
		} else {
			list = append(list, fieldProblem{"clients", line})
		}
	}
	return unprocessable(list)
}

// A secretHash is a secret as it is stored, in a list that says which secrets a client has.
type secretHash struct {
	ID        string    `json:"id"`
	Prefix    string    `json:"prefix"`
	Hash      string    `json:"hash"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// entryOfDocument reads a client of a list: as document writes it, with the
// hashes of its secrets in idp.secrets if it is to have those and no other.
func entryOfDocument(raw json.RawMessage) (entry clients.Entry, err error) {
	var doc, own map[string]json.RawMessage
	if err := decode(raw, &doc); err != nil {
		return entry, err
	}
	if json.Unmarshal(doc[extension], &own) == nil && own["secrets"] != nil {
		if entry.Secrets, err = parseHashes(own["secrets"]); err != nil {
			return entry, err
		}
		delete(own, "secrets")
		if doc[extension], err = json.Marshal(own); err != nil {
			return entry, err
		}
		if raw, err = json.Marshal(doc); err != nil {
			return entry, err
		}
	}
	if entry.Client, entry.Secret, err = parseDocument(raw); err != nil {
		return entry, err
	}
	return entry, applyPresetToEntry(&entry.Client)
}

func parseHashes(raw json.RawMessage) ([]idp.ClientSecret, error) {
	var given []secretHash
	if err := decode(raw, &given); err != nil {
		p, _ := errors.AsType[*problem](err)
		return nil, invalid(p.within(extension + ".secrets"))
	}
	list := []idp.ClientSecret{}
	for i, s := range given {
		hash, err := hex.DecodeString(s.Hash)
		if err != nil {
			return nil, invalid([]fieldProblem{{fmt.Sprintf("%s.secrets[%d].hash", extension, i), "is not hexadecimal"}})
		}
		list = append(list, idp.ClientSecret{ID: s.ID, Prefix: s.Prefix, Hash: hash, CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt})
	}
	return list, nil
}
