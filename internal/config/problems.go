package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// problems collects what is wrong with a file.
type problems struct {
	file  string
	lines map[string]int // of each key that the file has, by its path such as "near.rpc[0]"
	parts []part
	index map[string]int // of parts, by their keys
	found []problem
	wrong map[string]bool // the keys of found, but for second occurrences
}

// maxProblems is how many mistakes are reported at once. Whoever sends a file full of
// them must not keep the provider busy with telling.
const maxProblems = 200

// A part is what stands in a file of its own: a client of clients_dir.
type part struct {
	key  string // of it in the whole, such as "clients[3]"
	file string
	name string // of it in its file: "[0]" for the first of a list, "" for the only one
}

type problem struct {
	line int
	key  string
	err  error
	// beside marks a second occurrence of a key, which says nothing of the first one's value.
	beside bool
}

// add records that the value at key is wrong. It is reported once: what is
// wrong with a value that could not be read, or below one, is not worth a second line.
func (p *problems) add(key, format string, args ...any) {
	if p.wrong[""] || p.wrong[key] {
		return
	}
	for i, c := range []byte(key) {
		if (c == '.' || c == '[') && p.wrong[key[:i]] {
			return
		}
	}
	p.record(problem{line: p.line(key), key: key, err: fmt.Errorf(format, args...)})
}

// record takes down a problem whatever was found before.
func (p *problems) record(found problem) {
	if p.full() {
		return
	}
	p.found = append(p.found, found)
	if p.wrong == nil {
		p.wrong = map[string]bool{}
	}
	if !found.beside {
		p.wrong[found.key] = true
	}
}

// full reports that no more problems are taken down.
func (p *problems) full() bool { return len(p.found) >= maxProblems }

// line returns the line of key, or of the nearest key around it.
func (p *problems) line(key string) int {
	for key != "" {
		if line, ok := p.lines[key]; ok {
			return line
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	return 0
}

// err joins what was found in the order of the files and of their lines.
func (p *problems) err() error {
	slices.SortStableFunc(p.found, func(a, b problem) int {
		return cmp.Or(cmp.Compare(p.partOf(a.key), p.partOf(b.key)), cmp.Compare(a.line, b.line))
	})
	var all []error
	for _, f := range p.found {
		where := p.place(f.key, f.line)
		if where == "" {
			all = append(all, f.err)
		} else {
			all = append(all, fmt.Errorf("%s: %w", where, f.err))
		}
	}
	if p.full() {
		all = append(all, fmt.Errorf("%s: there may be more mistakes: correct these %d first", p.file, len(all)))
	}
	return errors.Join(all...)
}

func (p *problems) addPart(added part) {
	if p.index == nil {
		p.index = map[string]int{}
	}
	p.index[added.key] = len(p.parts)
	p.parts = append(p.parts, added)
}

// partOf returns the number of the part that a key is in, or -1 for the main file.
func (p *problems) partOf(key string) int {
	if i, ok := p.index[key]; ok {
		return i
	}
	if i, ok := p.index[key[:strings.IndexByte(key, ']')+1]]; ok {
		return i
	}
	return -1
}

// place names a key as its reader finds it: "config.yaml:12: near.rpc" or, in a
// file with one client alone, "grafana.yaml:2: redirect_uris".
func (p *problems) place(key string, line int) string {
	file := p.file
	if i := p.partOf(key); i >= 0 {
		file, key = p.parts[i].file, strings.TrimPrefix(p.parts[i].name+strings.TrimPrefix(key, p.parts[i].key), ".")
	}
	if line > 0 {
		file = fmt.Sprintf("%s:%d", file, line)
	}
	if file == "" || key == "" {
		return file + key
	}
	return file + ": " + key
}

// other names a key in an error about another one: with its place, unless both are in the main file.
func (p *problems) other(about, key string) string {
	if p.partOf(about) < 0 && p.partOf(key) < 0 {
		return key
	}
	return p.place(key, p.line(key))
}
