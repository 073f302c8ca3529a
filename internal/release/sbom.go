package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
)

// own is the licence of the product.
const own = "Apache-2.0"

// A component of CycloneDX 1.6, as far as it is used here.
type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Scope      string     `json:"scope,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Licenses   []licence  `json:"licenses,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type licence struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

// sbom returns what is in a program, as CycloneDX 1.6: the Go modules that the linker noted in
// it, Go's own library, and the licence of each. The scripts and styles of the pages are the
// product's own; no package of npm is in them.
func sbom(binary, version string) ([]byte, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(program)
	application := component{
		Type: "application", Ref: "idp", Name: "idp", Version: version, Licenses: licences(own),
		Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}},
	}
	for _, setting := range info.Settings {
		if slices.Contains([]string{"GOOS", "GOARCH", "CGO_ENABLED"}, setting.Key) {
			application.Properties = append(application.Properties, property{"go:" + setting.Key, setting.Value})
		}
	}
	dirs, err := directories(info.Deps)
	if err != nil {
		return nil, err
	}
	goVersion, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), " ")
	components := []component{{
		Type: "library", Ref: "std", Name: "std", Version: goVersion, PURL: "pkg:golang/std@" + goVersion, Scope: "required", Licenses: licences("BSD-3-Clause"),
	}}
	refs := []string{"std"}
	for _, m := range info.Deps {
		c, err := moduleComponent(m, dirs[m.Path])
		if err != nil {
			return nil, err
		}
		components, refs = append(components, c), append(refs, c.Ref)
	}
	document := map[string]any{
		"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
		"serialNumber": serial(sum), "metadata": map[string]any{"component": application}, "components": components,
		"dependencies": []any{map[string]any{"ref": application.Ref, "dependsOn": refs}},
	}
	text, err := json.MarshalIndent(document, "", "  ")
	return append(text, '\n'), err
}

// moduleComponent describes a module whose files are in dir.
func moduleComponent(m *debug.Module, dir string) (component, error) {
	if m.Replace != nil && strings.HasPrefix(m.Replace.Path, ".") { // ours
		return component{Type: "library", Ref: m.Path, Name: m.Path, Version: m.Version, Scope: "required", Licenses: licences(own),
			Properties: []property{{"go:replace", m.Replace.Path}}}, nil
	}
	if m.Replace != nil {
		m = m.Replace
	}
	id, err := licenceOf(dir)
	if err != nil {
		return component{}, fmt.Errorf("%s: %w", m.Path, err)
	}
	return component{Type: "library", Ref: m.Path, Name: m.Path, Version: m.Version, Scope: "required", Licenses: licences(id),
		PURL: "pkg:golang/" + strings.ToLower(m.Path) + "@" + url.QueryEscape(m.Version), Properties: []property{{"go:sum", m.Sum}}}, nil
}

// directories returns where the files of each module are. They were needed to build the program.
func directories(modules []*debug.Module) (map[string]string, error) {
	args := []string{"list", "-m", "-f", "{{.Path}}\t{{.Dir}}"}
	for _, m := range modules {
		args = append(args, m.Path)
	}
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return nil, fmt.Errorf("go list -m: %w", err)
	}
	dirs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, dir, _ := strings.Cut(strings.TrimSpace(line), "\t")
		dirs[path] = dir
	}
	return dirs, nil
}

// serial is the document's UUID (RFC 9562 section 5.8), made of the program's hash, so that it
// is another for another program and the same for the same.
func serial(sum [sha256.Size]byte) string {
	id := sum[:16]
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	text := hex.EncodeToString(id)
	return "urn:uuid:" + strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
}

func licences(id string) []licence {
	var l licence
	l.License.ID = id
	return []licence{l}
}
