package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"
)

// A format is how a command answers: for people or for programs.
type format string

func (f *format) String() string { return string(*f) }

func (f *format) Set(value string) error {
	if !slices.Contains([]string{"table", "json", "yaml", "env"}, value) {
		return errors.New("write table, json, yaml or env")
	}
	*f = format(value)
	return nil
}

// formatFlag adds -o.
func (o *options) formatFlag() *format {
	f := format("table")
	o.Var(&f, "o", "output `FORMAT`: table, json, yaml or env")
	return &f
}

// print writes value for programs, or calls table to write it for people.
func (f format) print(value any, table func(w io.Writer)) error {
	switch f {
	case "json":
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(value)
	case "yaml":
		return writeYAML(os.Stdout, value)
	case "env":
		return writeEnv(os.Stdout, value)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	table(w)
	return w.Flush()
}

// generic is a value as JSON has it, so that all formats use the same names.
func generic(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var thing any
	err = dec.Decode(&thing)
	return thing, err
}

func writeYAML(w io.Writer, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	// JSON is YAML, and a node keeps the order of its members.
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return err
	}
	block(&node)
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(&node); err != nil {
		return err
	}
	return enc.Close()
}

// block takes the style of JSON off a node.
func block(node *yaml.Node) {
	if node.Kind != yaml.ScalarNode {
		node.Style &^= yaml.FlowStyle
	} else if node.Tag != "!!str" || !ambiguous(node.Value) {
		node.Style = 0
	}
	for _, child := range node.Content {
		block(child)
	}
}

// ambiguous reports that a text without quotes would be read as something else.
func ambiguous(text string) bool {
	var value any
	err := yaml.Unmarshal([]byte(text), &value)
	read, isText := value.(string)
	return err != nil || !isText || read != text
}

var envName = regexp.MustCompile(`[^A-Z0-9_]+`)

// writeEnv writes the members of an object as shell assignments: CLIENT_ID='grafana'. Lists
// are joined by spaces and members of objects by _.
func writeEnv(w io.Writer, value any) error {
	thing, err := generic(value)
	if err != nil {
		return err
	}
	object, ok := thing.(map[string]any)
	if !ok {
		return errors.New("-o env writes one thing, not a list: use -o json")
	}
	return assign(w, "", object)
}

func assign(w io.Writer, prefix string, object map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		key := prefix + envName.ReplaceAllString(strings.ToUpper(name), "_")
		switch value := object[name].(type) {
		case map[string]any:
			if err := assign(w, key+"_", value); err != nil {
				return err
			}
		case []any:
			words := make([]string, len(value))
			for i, item := range value {
				words[i] = fmt.Sprint(item)
			}
			fmt.Fprintf(w, "%s=%s\n", key, quoted(strings.Join(words, " ")))
		case nil:
			fmt.Fprintf(w, "%s=\n", key)
		default:
			fmt.Fprintf(w, "%s=%s\n", key, quoted(fmt.Sprint(value)))
		}
	}
	return nil
}

// quoted is a word that a shell takes as it is.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
