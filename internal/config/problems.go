package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// problems collects what is wrong with a file.
type problems struct {
	file  string
	lines map[string]int // of each key that the file has, by its path such as "near.rpc[0]"
	found []problem
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
	known := func(other problem) bool {
		rest, below := strings.CutPrefix(key, other.key)
		return below && !other.beside && (rest == "" || other.key == "" || rest[0] == '.' || rest[0] == '[')
	}
	if !slices.ContainsFunc(p.found, known) {
		p.found = append(p.found, problem{line: p.line(key), key: key, err: fmt.Errorf(format, args...)})
	}
}

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

// err joins what was found in the order of the lines.
func (p *problems) err() error {
	slices.SortStableFunc(p.found, func(a, b problem) int { return a.line - b.line })
	var all []error
	for _, f := range p.found {
		if f.key == "" {
			all = append(all, fmt.Errorf("%s: %w", p.where(f.line), f.err))
		} else {
			all = append(all, fmt.Errorf("%s: %s: %w", p.where(f.line), f.key, f.err))
		}
	}
	return errors.Join(all...)
}

func (p *problems) where(line int) string {
	if line == 0 {
		return p.file
	}
	return fmt.Sprintf("%s:%d", p.file, line)
}
