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
	c, _, err := LoadFiles(path, env)
	return c, err
}

// LoadFiles is Load, and returns the files that it read too, even after an error.
func LoadFiles(path string, env func(string) (string, bool)) (*Config, *Files, error) {
	files := newFiles()
	data, err := files.read(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, files, fmt.Errorf("configuration file %s does not exist: copy config.example.yaml there and edit it, or name another with --config or IDP_CONFIG (%w)", path, err)
	}
	if err != nil {
		return nil, files, fmt.Errorf("configuration file: %w%s", err, Remedy(err))
	}
	c, err := parse(path, data, env, files)
	return c, files, err
}

// Parse is Load for text that is in memory; name stands for the file in errors
// and is where relative paths of secrets start from.
func Parse(name string, data []byte, env func(string) (string, bool)) (*Config, error) {
	return parse(name, data, env, newFiles())
}

func parse(name string, data []byte, env func(string) (string, bool), files *Files) (*Config, error) {
	p := &problems{file: name, lines: map[string]int{}}
	c := Default(env)
	c.places = p
	root, err := document(data)
	if err != nil {
		if at, ok := errors.AsType[syntax](err); ok && at.line > 0 {
			name = fmt.Sprintf("%s:%d", name, at.line)
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d := &decoder{problems: p, env: env, dir: filepath.Dir(name), files: files}
	if root != nil {
		d.decode("", root, configValue(c))
	}
	for _, path := range []*string{&c.Database.DataDir, &c.Listen.TLS.Cert, &c.Listen.TLS.Key, &c.ClientsDir} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(d.dir, *path)
		}
	}
	d.readIcons(c)
	d.readLogo(&c.Branding)
	for i := range c.Clients {
		c.Clients[i].Source = absolute(name)
	}
	d.warnOfSecrets(name)
	if c.ClientsDir != "" {
		d.decodeDir(c)
	}
	c.check(p)
	c.Warnings = append(c.Warnings, d.warnings...)
	if err := p.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// warnOfSecrets warns of secrets in a file that was just decoded and that everybody can read.
func (d *decoder) warnOfSecrets(file string) {
	if d.inlineSecret && readableByAll(file) {
		d.warnings = append(d.warnings, fmt.Sprintf("%s holds a secret and every user of this machine can read it: chmod 600 it, or move the secret to a file and write file:/path", file))
	}
	d.inlineSecret = false
}

// absolute is how a file is named to those who may be elsewhere.
func absolute(file string) string {
	if path, err := filepath.Abs(file); err == nil {
		return path
	}
	return file
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
		return nil, syntax{max(more.Line, 1), "a second YAML document begins here: keep everything in one"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(data, err)
	}
	return doc.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(?s:(.*))$`)

// A syntax error is that of a file which cannot be understood at all.
type syntax struct {
	line int // 0 if it is not known
	text string
}

func (s syntax) Error() string { return s.text }

// syntaxError puts the library's "yaml: line 3: …" into our words.
func syntaxError(data []byte, err error) error {
	text, line := err.Error(), 0
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		text = m[2]
		line, _ = strconv.Atoi(m[1])
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
	return syntax{line, fmt.Sprintf("not valid YAML: %s%s", text, hint)}
}

// read returns the content of a regular file of at most limit bytes. A pipe or
// a device is refused, since reading one may never end.
func read(path string, limit int64) ([]byte, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if fi.IsDir() {
		return nil, fmt.Errorf("%s is not a regular file but a directory", path)
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
