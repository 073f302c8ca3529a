package config

import (
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"near-idp/internal/idp"

	"go.yaml.in/yaml/v3"
)

// A decoder copies a YAML tree into a Config. It knows fewer ways to write a
// value than YAML does: no aliases (which can blow a small file up), no
// tags, and "yes" is a word and not a truth.
type decoder struct {
	*problems
	env          func(string) (string, bool) // nil: there are no variables and no secret files
	literal      bool                        // values other than secrets have no variables
	typed        bool                        // the tree was JSON, which has types
	files        *Files
	dir          string // where relative paths of secret files start
	warnings     []string
	inlineSecret bool // a secret stands in the file itself
}

func configValue(c *Config) reflect.Value { return reflect.ValueOf(c).Elem() }

var (
	secretType = reflect.TypeFor[idp.Secret]()
	keySetType = reflect.TypeFor[idp.JWKSet]()
	walletType = reflect.TypeFor[Wallet]()
)

// decode copies the value n of the key at path into v.
func (d *decoder) decode(path string, n *yaml.Node, v reflect.Value) {
	if d.full() {
		return
	}
	if _, known := d.lines[path]; !known {
		d.lines[path] = n.Line
	}
	if n.Kind == yaml.AliasNode {
		d.add(path, "aliases are not supported: write the value out, in quotes if it begins with *")
		return
	}
	if n.Style&yaml.TaggedStyle != 0 {
		d.add(path, "tags are not supported: write the value alone, in quotes if it begins with !")
		return
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		if strings.HasSuffix(path, "]") {
			d.add(path, "this element is empty")
		}
		return // a key without a value keeps its default
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	_, isText := v.Addr().Interface().(encoding.TextUnmarshaler)
	switch {
	case v.Type() == walletType && n.Kind == yaml.ScalarNode: // its id alone
		d.decodeScalar(path, n, v.FieldByName("ID"))
	case v.Kind() == reflect.Struct && !isText:
		d.decodeStruct(path, n, v)
	case v.Kind() == reflect.Slice && !isText:
		d.decodeSlice(path, n, v)
	case v.Type() == keySetType && n.Kind == yaml.MappingNode:
		d.decodeKeySet(path, n, v)
	case v.Kind() == reflect.Map:
		d.decodeMap(path, n, v)
	case n.Kind != yaml.ScalarNode:
		d.add(path, "must be a single value, not a list or a group of keys")
	default:
		d.decodeScalar(path, n, v)
	}
}

func (d *decoder) decodeStruct(path string, n *yaml.Node, v reflect.Value) {
	known := fields(v.Type())
	if n.Kind != yaml.MappingNode {
		d.add(path, "must be a group of keys (%s)", strings.Join(names(known), ", "))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := key.Value
		if d.full() {
			return
		}
		if key.Kind != yaml.ScalarNode {
			d.record(problem{line: key.Line, key: join(path, "?"), err: errors.New("a key must be a word")})
			continue
		}
		at := join(path, printable(name))
		if line, twice := seen[name]; twice {
			d.record(problem{key.Line, at, fmt.Errorf("this key is already on line %d: keep one of them", line), true})
			continue
		}
		seen[name] = key.Line
		f := slices.IndexFunc(known, func(f field) bool { return f.name == name })
		if f < 0 {
			d.record(problem{line: key.Line, key: at, err: fmt.Errorf("unknown key; %s", advice(path, name, known))})
			continue
		}
		d.lines[at] = key.Line
		d.decode(at, value, v.FieldByIndex(known[f].index))
	}
}

// decodeMap reads a group of keys that the operator names.
func (d *decoder) decodeMap(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.add(path, "must be a group of keys with names of your choice")
		return
	}
	all, seen := reflect.MakeMap(v.Type()), map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := key.Value
		line, twice := seen[name]
		switch seen[name] = key.Line; {
		case key.Kind != yaml.ScalarNode || name == "" || len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
			d.record(problem{line: key.Line, key: join(path, "?"), err: fmt.Errorf("a name must be a word of at most %d characters", maxName)})
			continue
		case twice:
			d.record(problem{key.Line, join(path, name), fmt.Errorf("this name is already on line %d: keep one of them", line), true})
			continue
		}
		d.lines[join(path, name)] = key.Line
		element := reflect.New(v.Type().Elem()).Elem()
		d.decode(join(path, name), value, element)
		all.SetMapIndex(reflect.ValueOf(name), element)
	}
	v.Set(all)
}

// maxName bounds a name that the operator chooses, in bytes.
const maxName = 100

func (d *decoder) decodeSlice(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.add(path, "must be a list: write each element on a line of its own after \"- \"")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, element := range n.Content {
		d.decode(fmt.Sprintf("%s[%d]", path, i), element, list.Index(i))
	}
	v.Set(list)
}

func (d *decoder) decodeScalar(path string, n *yaml.Node, v reflect.Value) {
	if want := typeOf(v); d.typed && n.ShortTag() != want {
		d.add(path, "must be a %s", jsonTypes[want])
		return
	}
	text, err := d.value(n.Value, v.Type() == secretType)
	if err != nil {
		d.add(path, "%w", err)
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		err := u.UnmarshalText([]byte(text))
		if _, ok := u.(*netip.Prefix); ok && (err != nil || text == "") {
			err = fmt.Errorf("%s is not a network: write one such as 10.0.0.0/8 or 192.0.2.7/32", quote(text))
		}
		if err != nil {
			d.add(path, "%w", err)
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			d.add(path, "%s is neither true nor false", quote(text))
		}
		v.SetBool(text == "true")
	case reflect.Int32:
		number, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			d.add(path, "%s is not a whole number", quote(text))
		}
		v.SetInt(number)
	default:
		panic("config: no way to read a " + v.Type().String())
	}
}

// A field is a key of a struct.
type field struct {
	name  string
	index []int
	typ   reflect.Type
}

// fields returns the keys of a struct type in the order of its fields, those
// of inlined structs included.
func fields(t reflect.Type) []field {
	var list []field
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			for _, inner := range fields(f.Type) {
				inner.index = append(slices.Clone(f.Index), inner.index...)
				list = append(list, inner)
			}
		case name != "" && name != "-":
			list = append(list, field{name, f.Index, f.Type})
		}
	}
	return list
}

func names(list []field) []string {
	all := make([]string, len(list))
	for i, f := range list {
		all[i] = f.name
	}
	return all
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// advice says what the unknown key name below path may have been meant to be:
// a key of the same group, the same key of another group, or one of those known here.
func advice(path, name string, known []field) string {
	if near := idp.Nearest(name, names(known)); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	for _, p := range paths("", reflect.TypeFor[Config]()) {
		if last := p[strings.LastIndexByte(p, '.')+1:]; last == name {
			return fmt.Sprintf("did you mean %q?", p)
		}
	}
	where := "here"
	if path != "" {
		where = "in " + path
	}
	return fmt.Sprintf("the keys %s are %s", where, strings.Join(names(known), ", "))
}

// paths returns the full names of all keys below a struct type, with "[]" for an
// element of a list and ".*" for one that the operator names.
func paths(prefix string, t reflect.Type) []string {
	var all []string
	for _, f := range fields(t) {
		path := join(prefix, f.name)
		all = append(all, path)
		inner := f.typ
		switch inner.Kind() {
		case reflect.Slice:
			inner, path = inner.Elem(), path+"[]"
		case reflect.Map:
			inner, path = inner.Elem(), path+".*"
			all = append(all, path)
		}
		if inner.Kind() == reflect.Struct {
			all = append(all, paths(path, inner)...)
		}
	}
	return all
}
