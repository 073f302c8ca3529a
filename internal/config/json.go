package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"near-idp/internal/idp"

	"go.yaml.in/yaml/v3"
)

// tree returns the root node of a file, and whether it is JSON. YAML is nearly a
// superset of JSON, but not of its escapes, and forgets its types.
func tree(name string, data []byte) (root *yaml.Node, isJSON bool, err error) {
	switch {
	case !utf8.Valid(data):
		return nil, false, syntax{0, "is not UTF-8"}
	case json.Valid(data):
		root, err = jsonTree(data)
		return root, true, err
	case filepath.Ext(name) == ".json":
		return nil, true, jsonError(data)
	}
	root, err = document(data)
	if root == nil && err == nil {
		err = syntax{0, "is empty: write [] if no client is meant"}
	}
	return root, false, err
}

func jsonError(data []byte) error {
	var any any
	err := json.Unmarshal(data, &any)
	if at, ok := errors.AsType[*json.SyntaxError](err); ok {
		return syntax{1 + bytes.Count(data[:min(at.Offset, int64(len(data)))], []byte("\n")), "not valid JSON: " + err.Error()}
	}
	return syntax{0, fmt.Sprintf("not valid JSON: %v", err)}
}

// jsonTree reads JSON, which is valid, as the tree that YAML would make of it.
func jsonTree(data []byte) (*yaml.Node, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	r := &jsonReader{Decoder: d, data: data}
	return r.node(0)
}

type jsonReader struct {
	*json.Decoder
	data []byte
	at   int64 // as far as lines were counted
	line int
}

// maxDepth bounds how deeply a document nests; ours need a handful of levels.
const maxDepth = 100

func (r *jsonReader) node(depth int) (*yaml.Node, error) {
	token, err := r.Token()
	if err != nil {
		return nil, err
	}
	r.line += bytes.Count(r.data[r.at:r.InputOffset()], []byte("\n"))
	r.at = r.InputOffset()
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: r.line + 1}
	switch value := token.(type) {
	case json.Delim:
		if depth == maxDepth {
			return nil, syntax{n.Line, fmt.Sprintf("nests more than %d levels", maxDepth)}
		}
		n.Kind = yaml.SequenceNode
		if value == '{' {
			n.Kind = yaml.MappingNode // whose content is keys and values in turn
		}
		for r.More() {
			inner, err := r.node(depth + 1)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, inner)
		}
		_, err = r.Token()
	case string:
		n.Tag, n.Value = "!!str", value
	case json.Number:
		n.Tag, n.Value = "!!float", value.String()
	case bool:
		n.Tag, n.Value = "!!bool", fmt.Sprint(value)
	case nil:
		n.Tag = "!!null"
	}
	return n, err
}

// jsonTypes are the types of JSON by the tags of YAML.
var jsonTypes = map[string]string{"!!str": "string", "!!bool": "boolean, true or false", "!!float": "number"}

// typeOf is the tag of the values that v holds.
func typeOf(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Bool:
		return "!!bool"
	case reflect.Int32:
		return "!!float"
	}
	return "!!str"
}

// decodeKeySet takes a JWK Set that is written as keys and lists instead of as one line of JSON.
func (d *decoder) decodeKeySet(path string, n *yaml.Node, v reflect.Value) {
	var out bytes.Buffer
	if err := writeJSON(&out, n, 0); err != nil {
		d.add(path, "%w", err)
		return
	}
	v.Set(reflect.ValueOf(idp.JWKSet(out.String())))
}

// writeJSON writes a YAML tree as JSON, its keys sorted.
func writeJSON(out *bytes.Buffer, n *yaml.Node, depth int) error {
	switch {
	case n.Kind == yaml.AliasNode || n.Style&yaml.TaggedStyle != 0:
		return fmt.Errorf("line %d has an alias or a tag: write the value alone", n.Line)
	case depth > maxDepth:
		return fmt.Errorf("nests more than %d levels", maxDepth)
	case n.Kind == yaml.MappingNode:
		return writeObject(out, n, depth)
	case n.Kind == yaml.SequenceNode:
		out.WriteByte('[')
		for i, element := range n.Content {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := writeJSON(out, element, depth+1); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		return nil
	}
	text, err := json.Marshal(n.Value)
	switch tag := n.ShortTag(); {
	case tag == "!!null":
		text = []byte("null")
	case (tag == "!!bool" || tag == "!!int" || tag == "!!float") && json.Valid([]byte(n.Value)):
		text = []byte(n.Value)
	}
	out.Write(text)
	return err
}

func writeObject(out *bytes.Buffer, n *yaml.Node, depth int) error {
	type member struct{ key, value *yaml.Node }
	var members []member
	for i := 0; i+1 < len(n.Content); i += 2 {
		members = append(members, member{n.Content[i], n.Content[i+1]})
	}
	slices.SortStableFunc(members, func(a, b member) int { return strings.Compare(a.key.Value, b.key.Value) })
	out.WriteByte('{')
	for i, m := range members {
		if m.key.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: a key must be a word", m.key.Line)
		}
		if i > 0 {
			if m.key.Value == members[i-1].key.Value {
				return fmt.Errorf("has the key %s twice, on the lines %d and %d: keep one of them", quote(m.key.Value), members[i-1].key.Line, m.key.Line)
			}
			out.WriteByte(',')
		}
		key, err := json.Marshal(m.key.Value)
		if err != nil {
			return err
		}
		out.Write(key)
		out.WriteByte(':')
		if err := writeJSON(out, m.value, depth+1); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

// writeOrdered writes a tree as indented JSON, its keys in their order.
func writeOrdered(out *bytes.Buffer, n *yaml.Node, indent string) error {
	deeper := indent + "  "
	list := func(open, end string, step int, each func(i int) error) error {
		if len(n.Content) == 0 {
			out.WriteString(open + end)
			return nil
		}
		for i := 0; i < len(n.Content); i += step {
			out.WriteString(map[bool]string{true: open, false: ","}[i == 0] + "\n" + deeper)
			if err := each(i); err != nil {
				return err
			}
		}
		out.WriteString("\n" + indent + end)
		return nil
	}
	switch n.Kind {
	case yaml.SequenceNode:
		return list("[", "]", 1, func(i int) error { return writeOrdered(out, n.Content[i], deeper) })
	case yaml.MappingNode:
		return list("{", "}", 2, func(i int) error {
			if err := writeJSON(out, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: n.Content[i].Value}, 0); err != nil {
				return err
			}
			out.WriteString(": ")
			return writeOrdered(out, n.Content[i+1], deeper)
		})
	}
	return writeJSON(out, n, 0)
}
