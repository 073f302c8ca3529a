package config

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"near-idp/internal/idp"

	"go.yaml.in/yaml/v3"
)

// MaxDocument bounds a document of clients, in bytes.
const MaxDocument = 8 << 20

// A Registration is a client in a document, which people edit, keep in version
// control and apply. It has the keys of Clients, and hashes of secrets if they were exported.
type Registration struct {
	Client `yaml:",inline"`
	// Secrets are every secret that the client has. nil: the document does not say.
	Secrets []SecretHash `yaml:"secrets,omitempty"`
	// Where it stands, such as "clients.yaml:12: [3]".
	Where string `yaml:"-"`
}

// A SecretHash is a secret as it is stored.
type SecretHash struct {
	ID        string    `yaml:"id,omitempty"`
	Prefix    string    `yaml:"prefix,omitempty"`
	Hash      Hash      `yaml:"hash"` // SHA-256
	CreatedAt time.Time `yaml:"created_at,omitempty"`
	ExpiresAt time.Time `yaml:"expires_at,omitempty"` // zero: never
}

// A Hash is written in hexadecimal.
type Hash []byte

func (h Hash) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *Hash) UnmarshalText(text []byte) error {
	sum, err := hex.DecodeString(string(text))
	if err != nil {
		return errors.New("is not hexadecimal")
	}
	*h = sum
	return nil
}

// Register returns a stored client as a document has it, with the hashes of its secrets or without.
func Register(c idp.Client, hashes bool) Registration {
	r := Registration{Client: Client{Client: c}}
	if !hashes || !c.UsesSecret() {
		return r
	}
	r.Secrets = []SecretHash{}
	for _, s := range c.Secrets {
		r.Secrets = append(r.Secrets, SecretHash{s.ID, s.Prefix, s.Hash, s.CreatedAt.UTC(), s.ExpiresAt.UTC()})
	}
	return r
}

// Hashes are the secrets of a registration as they are stored.
func (r *Registration) Hashes() []idp.ClientSecret {
	if r.Secrets == nil {
		return nil
	}
	list := []idp.ClientSecret{}
	for _, s := range r.Secrets {
		list = append(list, idp.ClientSecret{ID: s.ID, Prefix: s.Prefix, Hash: s.Hash, CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt})
	}
	return list
}

// ParseClients reads a document, YAML or JSON: a client, or a list of clients. It
// is as strict as Load, and its errors have lines too; name stands for the file in them. Values mean
// themselves, except that with env a secret may be written ${NAME} or file:/path, as in
// the configuration. Without it, as for documents that somebody sent, that is an error.
// Whether the clients are valid is for the registry to say.
func ParseClients(name string, data []byte, env func(string) (string, bool)) ([]Registration, error) {
	if len(data) > MaxDocument {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, MaxDocument)
	}
	d := &decoder{
		problems: &problems{file: name, lines: map[string]int{}},
		env:      env, literal: true, files: newFiles(), dir: filepath.Dir(name),
	}
	list, _ := decodeList[Registration](d, name, "clients", 0, data)
	for i := range list {
		key := fmt.Sprintf("clients[%d]", i)
		list[i].Where = d.place(key, d.line(key))
		if list[i].ID == "" {
			d.add(key+".client_id", "required: write a short name such as grafana")
		}
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return list, nil
}

// WriteClients writes a document: YAML, or JSON if asJSON. The same clients
// make the same bytes. Secrets are never among them.
func WriteClients(w io.Writer, list []Registration, asJSON bool) error {
	root := &yaml.Node{Kind: yaml.SequenceNode}
	for _, r := range list {
		node, err := registrationTree(r)
		if err != nil {
			return fmt.Errorf("client %q: %w", r.ID, err)
		}
		root.Content = append(root.Content, node)
	}
	var out bytes.Buffer
	if asJSON {
		if err := writeOrdered(&out, root, ""); err != nil {
			return err
		}
		out.WriteByte('\n')
	} else {
		enc := yaml.NewEncoder(&out)
		enc.SetIndent(2)
		if err := cmp.Or(enc.Encode(root), enc.Close()); err != nil {
			return err
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}

// registrationTree is a client as keys in the order of the fields. Its keys are
// a tree as well, so that they can be read and compared line by line.
func registrationTree(r Registration) (*yaml.Node, error) {
	r.Secret = ""
	n := &yaml.Node{}
	if err := n.Encode(r); err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "jwks" {
			continue
		}
		// Through JSON with sorted keys, since the database keeps them in an order of its own.
		stored, err := jsonTree([]byte(r.JWKS))
		if err != nil {
			return nil, err
		}
		var sorted bytes.Buffer
		if err := writeJSON(&sorted, stored, 0); err != nil {
			return nil, err
		}
		if n.Content[i+1], err = jsonTree(sorted.Bytes()); err != nil {
			return nil, err
		}
	}
	if r.Secrets != nil && len(r.Secrets) == 0 {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "secrets"}, &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle})
	}
	return n, nil
}
