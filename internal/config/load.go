package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds the configuration file, in bytes.
const maxFile = 1 << 20

// places are looked into, in this order, when nothing names the file.
var places = []string{"config.yaml", "/etc/idp/config.yaml"}

// Find returns the path of the configuration file: name if it is not empty,
// else $IDP_CONFIG, else ./config.yaml, else /etc/idp/config.yaml. The error
// wraps fs.ErrNotExist if neither of the last two exists.
func Find(name string, env func(string) (string, bool)) (string, error) {
	if name != "" {
		return name, nil
	}
	if name, ok := env("IDP_CONFIG"); ok && name != "" {
		return name, nil
	}
	for _, place := range places {
		if _, err := os.Stat(place); !errors.Is(err, fs.ErrNotExist) {
			return place, nil
		}
	}
	return "", fmt.Errorf("no configuration: %w: copy config.example.yaml to ./config.yaml or /etc/idp/config.yaml, or name the file with --config or IDP_CONFIG",
		fs.ErrNotExist)
}

// Load reads, completes and checks the configuration file at path. env looks
// up environment variables, as os.LookupEnv does. The error joins one error for
// each mistake, in the order of the lines; its text never contains a secret.
func Load(path string, env func(string) (string, bool)) (*Config, error) {
	data, err := read(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("configuration file %s does not exist: copy config.example.yaml there and edit it, or name another with --config or IDP_CONFIG (%w)", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	c, inline, err := parse(path, data, env)
	if err != nil {
		return nil, err
	}
	if inline && readableByAll(path) {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s holds a secret and every user of this machine can read it: chmod 600 it, or move the secret to a file and write file:/path", path))
	}
	return c, nil
}

// Parse is Load for text that is in memory; name stands for the file in errors
// and is where relative paths of secrets start from.
func Parse(name string, data []byte, env func(string) (string, bool)) (*Config, error) {
	c, _, err := parse(name, data, env)
	return c, err
}

func parse(name string, data []byte, env func(string) (string, bool)) (c *Config, inlineSecret bool, err error) {
	p := &problems{file: name, lines: map[string]int{}}
	c = Default(env)
	c.places = p
	root, err := document(data)
	if err != nil {
		return nil, false, fmt.Errorf("%s%w", name, err)
	}
	d := &decoder{problems: p, env: env, dir: filepath.Dir(name)}
	if root != nil {
		d.decode("", root, configValue(c))
	}
	for _, path := range []*string{&c.Database.DataDir, &c.Listen.TLS.Cert, &c.Listen.TLS.Key} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(d.dir, *path)
		}
	}
	c.check(p)
	c.Warnings = append(c.Warnings, d.warnings...)
	return c, d.inlineSecret, p.err()
}

// document returns the root node of the only YAML document in data, or nil if there is none.
func document(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, syntaxError(data, err)
	}
	if err := dec.Decode(&more); err == nil {
		return nil, fmt.Errorf(":%d: a second YAML document begins here: keep the configuration in one", max(more.Line, 1))
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(data, err)
	}
	return doc.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(?s:(.*))$`)

// syntaxError turns "yaml: line 3: …" into ":3: …".
func syntaxError(data []byte, err error) error {
	text, where, line := err.Error(), "", 0
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		text = m[2]
		if line, _ = strconv.Atoi(m[1]); line > 0 {
			where = ":" + m[1]
		}
	}
	if strings.HasPrefix(text, "unknown anchor") {
		text = "a value begins with *, which YAML takes for an alias: put quotes around it"
	}
	hint := ""
	lines := strings.Split(string(data), "\n")
	for _, near := range lines[max(0, min(line-2, len(lines))):min(line+1, len(lines))] {
		if strings.Contains(near, "${") {
			hint = `; between [ ] or { }, put quotes around "${NAME}"`
		}
		if strings.HasPrefix(strings.TrimLeft(near, " "), "\t") {
			hint = "; YAML is indented with spaces, not tabs"
		}
	}
	return fmt.Errorf("%s: not valid YAML: %s%s", where, text, hint)
}

// read returns the content of a regular file of at most limit bytes. A pipe or
// a device is refused, since reading one may never end.
func read(path string, limit int64) ([]byte, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return data, nil
}

func readableByAll(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().Perm()&0o004 != 0
}
