package presets_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/idp"
	"near-idp/internal/presets"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
	"gopkg.in/ini.v1"
)

// What an operator, or somebody who may register clients, could write. Each value
// means something to at least one reader of a snippet.
const (
	hostileSecret   = `$(touch${IFS}pwned);` + "`id`" + `'"\#{1}<<END$HOME:&*!|>@[]{}%`
	hostileProvider = "Evil\"'`\n[server]\n$(id) ${HOME} %(client_secret)s <b>: #{x} \u202enepO"
	hostileRedirect = "https://app.example.com/cb?x='$(touch*pwned);&y=$HOME,#"
)

// shownProvider is what is left of hostileProvider.
const shownProvider = "Evil[server](id) HOME (client_secret)s b: x nepO"

// commands are those that snippets call.
var commands = []string{"kcadm.sh", "oauth2-proxy", "openssl", "gitea", "sudo", "kubectl", "kube-apiserver", "curl"}

// K03: whatever a snippet is pasted into reads the very values that were put in, and no command runs.
func TestHostileValuesAreInertInEverySnippet(t *testing.T) {
	t.Parallel()
	for _, p := range presets.List() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			_, c := register(t, p.Name)
			c.Name = hostileProvider
			secret := hostileSecret
			if p.Name == "grafana" {
				secret = strings.ReplaceAll(secret, "${", "$(") // see TestWhatAnIniFileCannotHoldIsAnError
			}
			if len(c.RedirectURIs) > 0 && p.Name != "keycloak" && p.Name != "native" && p.Name != "gitea" {
				c.RedirectURIs[0] = hostileRedirect
			}
			s, err := p.Snippet(presets.Context{
				Issuer: "https://id.example.com", Client: c, Secret: idp.Secret(secret), Provider: hostileProvider,
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, block := range s.Blocks {
				values := values(t, block)
				// Where there is a trace of a value, all of it must be read back as one.
				for trace, value := range map[string]string{"IFS": secret, "Evil": shownProvider, "*pwned": hostileRedirect} {
					if strings.Contains(block.Text, trace) && !holds(values, value) {
						t.Errorf("%s: %q is not read back:\n%s\n%q", block.Place, value, block.Text, values)
					}
				}
			}
			if c.UsesSecret() && !slices.ContainsFunc(s.Blocks, func(b presets.Block) bool { return holds(values(t, b), secret) }) {
				t.Error("no block has the secret")
			}
		})
	}
}

func holds(values []string, want string) bool {
	return slices.ContainsFunc(values, func(value string) bool {
		_, after, _ := strings.Cut(value, "=")
		return value == want || after == want
	})
}

// values reads a block as what it is pasted into does, and returns every value in it.
func values(t *testing.T, block presets.Block) []string {
	t.Helper()
	switch block.Format {
	case "json":
		return decode(t, json.NewDecoder(strings.NewReader(block.Text)).Decode)
	case "yaml":
		return decode(t, yaml.NewDecoder(strings.NewReader(block.Text)).Decode)
	case "toml":
		return decode(t, toml.NewDecoder(strings.NewReader(block.Text)).Decode)
	case "ini":
		return readINI(t, block.Text)
	case "html":
		return readHTML(t, block.Text)
	case "sh":
		return runShell(t, block.Text)
	case "ruby", "groovy":
		return readRuby(t, block.Text)
	case "text":
		var all []string
		for line := range strings.Lines(block.Text) {
			all = append(all, strings.TrimSuffix(line[min(25, len(line)):], "\n"))
		}
		return all
	}
	t.Fatalf("%s has the format %q, which nothing reads", block.Place, block.Format)
	return nil
}

// readHTML returns the attributes of every element.
func readHTML(t *testing.T, text string) (all []string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	d.Entity = xml.HTMLEntity
	for {
		token, err := d.Token()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("cannot be read: %v\n%s", err, text)
		}
		if element, ok := token.(xml.StartElement); ok {
			if !slices.Contains([]string{"script", "near-signin-button"}, element.Name.Local) {
				t.Errorf("an element %s", element.Name.Local)
			}
			for _, a := range element.Attr {
				all = append(all, a.Value)
			}
		}
	}
}

func decode(t *testing.T, read func(any) error) (all []string) {
	t.Helper()
	var value any
	if err := read(&value); err != nil {
		t.Fatalf("cannot be read: %v", err)
	}
	if err := read(new(any)); err != io.EOF && err != nil && value == nil {
		t.Fatalf("more than one document: %v", err)
	}
	return leaves(value)
}

// leaves are the strings within value, the keys of objects left out.
func leaves(value any) (all []string) {
	switch value := value.(type) {
	case string:
		all = append(all, value)
	case []any:
		for _, item := range value {
			all = append(all, leaves(item)...)
		}
	case map[string]any:
		for _, item := range value {
			all = append(all, leaves(item)...)
		}
	}
	// A value of a ConfigMap is a document of its own.
	for _, text := range all {
		var inner map[string]any
		if strings.Contains(text, "\n") && yaml.Unmarshal([]byte(text), &inner) == nil {
			all = append(all, leaves(inner)...)
		}
	}
	return all
}

// readINI reads with the library that Grafana and Gitea read with, by its defaults, as they do.
func readINI(t *testing.T, text string) (all []string) {
	t.Helper()
	file, err := ini.Load([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	sections := slices.DeleteFunc(file.SectionStrings(), func(name string) bool { return name == ini.DefaultSection })
	if len(sections) != 1 {
		t.Errorf("sections %q", sections)
	}
	section := file.Section(sections[0])
	if keys, lines := len(section.Keys()), strings.Count(text, "\n")-1; keys != lines {
		t.Errorf("%d keys on %d lines", keys, lines)
	}
	for _, key := range section.Keys() {
		all = append(all, key.String())
	}
	return all
}

// runShell runs the text with stand-ins for its commands, and returns their
// arguments and what was piped into them.
func runShell(t *testing.T, text string) (all []string) {
	t.Helper()
	if out, err := exec.Command("sh", "-n", "-c", text).CombinedOutput(); err != nil {
		t.Fatalf("sh -n: %v: %s", err, out)
	}
	dir, work := t.TempDir(), t.TempDir()
	record := filepath.Join(dir, "record")
	standIn := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\0' \"$@\" \"$OAUTH2_PROXY_CLIENT_SECRET\" >>%q\n/bin/cat >>%q\nprintf '\\0' >>%q\n", record, record, record)
	for _, name := range commands {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(standIn), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// printf is built in; tr is real.
	cmd := exec.Command("sh", "-eu", "-c", text)
	cmd.Dir, cmd.Env = work, []string{"PATH=" + dir + ":/usr/bin:/bin", "HOME=/nowhere"}
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %s\n%s", err, out, text)
	}
	if left, err := os.ReadDir(work); err != nil || len(left) > 0 {
		t.Fatalf("a command ran: %v, %v\n%s", left, err, text)
	}
	output, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range strings.Split(string(output), "\x00") {
		all = append(all, value)
		var object map[string]any
		if strings.HasPrefix(value, "{") && json.NewDecoder(bytes.NewReader([]byte(value))).Decode(&object) == nil {
			all = append(all, leaves(object)...)
		}
	}
	return all
}

// readRuby returns the strings in single quotes, in which Ruby and Groovy know two
// escapes alone. Anything outside of them must be of this repository's own making.
func readRuby(t *testing.T, text string) (all []string) {
	t.Helper()
	var value strings.Builder
	inside := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case !inside && strings.IndexByte("\"`#$%&;|", c) >= 0:
			t.Fatalf("%q is outside of a string:\n%s", c, text)
		case c == '\'':
			if inside {
				all = append(all, value.String())
			}
			value.Reset()
			inside = !inside
		case inside && c == '\\' && (text[i+1] == '\\' || text[i+1] == '\''):
			i++
			value.WriteByte(text[i])
		case inside:
			value.WriteByte(c)
		}
	}
	if inside {
		t.Fatalf("a string does not end:\n%s", text)
	}
	return all
}

// K03: Grafana replaces variables and files wherever they are in a value, and has no escape for it.
func TestWhatAnIniFileCannotHoldIsAnError(t *testing.T) {
	t.Parallel()
	p, c := register(t, "grafana")
	for _, secret := range []string{"${HOME}", "x$__file{/etc/passwd}", "$__env{HOME}", "%(name)s", "a\nadmin_password = x"} {
		_, err := p.Snippet(presets.Context{Issuer: "https://id.example.com", Client: c, Secret: idp.Secret(secret)})
		if err == nil || !strings.Contains(err.Error(), "client_secret has a line break, or ${ or %(") || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", secret, err)
		}
	}
	for _, secret := range []string{"a;b#c", "`a`b`", `"quoted"`, `'quoted'`, `ends with \`, " a ", `"""a"""`, "$HOME", "a=b", "[x]", "%d"} {
		s, err := p.Snippet(presets.Context{Issuer: "https://id.example.com", Client: c, Secret: idp.Secret(secret)})
		if err != nil {
			t.Errorf("%q: %v", secret, err)
			continue
		}
		if !slices.Contains(values(t, s.Blocks[0]), secret) {
			t.Errorf("%q is not read back:\n%s", secret, s.Blocks[0].Text)
		}
	}
}

// K03: a group that would end a string of JMESPath or a field of a policy is refused.
func TestGroupsThatMeanSomethingElsewhereAreRefused(t *testing.T) {
	t.Parallel()
	for _, p := range presets.List() {
		_, c := register(t, p.Name)
		for _, group := range []string{`a\`, "it's", "a, role:admin", "a\nb", "a\u202eb", "a b", "#a", strings.Repeat("a", 101)} {
			_, err := p.Snippet(presets.Context{Issuer: "https://id.example.com", Client: c, AdminGroup: group})
			if err == nil || !strings.Contains(err.Error(), "no name for a group") {
				t.Errorf("%s, group %q: %v", p.Name, group, err)
			}
		}
	}
}

// Members of the group that was named become administrators, and nobody else does.
func TestTheGroupThatIsNamedTakesThePlaceOfThePresets(t *testing.T) {
	t.Parallel()
	for _, p := range presets.List() {
		_, c := register(t, p.Name)
		s, err := p.Snippet(presets.Context{Issuer: "https://id.example.com", Client: c, AdminGroup: "our/ops@x"})
		if err != nil {
			t.Error(err)
		}
		if p.AdminGroup != "" && (strings.Contains(s.String(), p.AdminGroup) || !strings.Contains(s.String(), "our/ops@x")) {
			t.Errorf("%s:\n%s", p.Name, s)
		}
	}
}
