package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"

	"go.yaml.in/yaml/v3"
)

const (
	maxDirFiles = 10_000
	maxDir      = 16 << 20 // bytes of all files together
)

// decodeDir appends the clients of clients_dir. A directory without files is
// refused: a volume that was not mounted looks like one, and would disable every client.
func (d *decoder) decodeDir(c *Config) {
	names, err := d.files.readDir(c.ClientsDir)
	switch {
	case err != nil:
		d.add("clients_dir", "cannot read the directory: %w", err)
	case len(names) == 0:
		d.add("clients_dir", "%s has no *.yaml, *.yml or *.json file: put the clients there, or remove clients_dir", quote(c.ClientsDir))
	case len(names) > maxDirFiles:
		d.add("clients_dir", "%s has %d files: at most %d are allowed", quote(c.ClientsDir), len(names), maxDirFiles)
		return
	}
	total := 0
	for _, name := range names {
		path := filepath.Join(c.ClientsDir, name)
		data, err := d.files.read(path, maxFile)
		if total += len(data); total > maxDir {
			d.add("clients_dir", "%s has more than %d bytes in all: at most as many are allowed", quote(c.ClientsDir), maxDir)
			return
		}
		if err != nil {
			d.broken(path, unreadable(err))
			continue
		}
		d.dir = filepath.Dir(path)
		list, ok := decodeList[Client](d, path, "clients", len(c.Clients), data)
		if ok && len(list) == 0 {
			d.broken(path, errors.New("holds no client: write one, or remove the file"))
		}
		for _, client := range list {
			client.Source = absolute(path)
			c.Clients = append(c.Clients, client)
		}
		d.warnOfSecrets(path)
	}
}

// unreadable leaves out the path, which the error's place has.
func unreadable(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("cannot be read: %w", p.Err)
	}
	return err
}

// broken records what is wrong with a whole file.
func (d *decoder) broken(file string, err error) {
	key, line := "file "+file, 0
	if at, ok := errors.AsType[syntax](err); ok {
		line = at.line
	}
	d.addPart(part{key: key, file: file})
	d.record(problem{line: line, key: key, err: err})
}

// decodeList reads a file that holds one value of T, a group of keys, or a list of
// them. In the whole they are elements of the list key, from number first on. It is
// false for a file that cannot be understood at all.
func decodeList[T any](d *decoder, file, key string, first int, data []byte) ([]T, bool) {
	root, typed, err := tree(file, data)
	if err != nil {
		d.broken(file, err)
		return nil, false
	}
	nodes, names := []*yaml.Node{root}, func(int) string { return "" }
	if root.Kind == yaml.SequenceNode {
		nodes, names = root.Content, func(i int) string { return fmt.Sprintf("[%d]", i) }
	}
	d.typed = typed
	defer func() { d.typed = false }()
	list := make([]T, len(nodes))
	for i, node := range nodes {
		at := fmt.Sprintf("%s[%d]", key, first+i)
		d.addPart(part{key: at, file: file, name: names(i)})
		d.decode(at, node, reflect.ValueOf(&list[i]).Elem())
	}
	return list, true
}
