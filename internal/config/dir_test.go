package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A clientsDir is a configuration with files in its clients_dir.
type clientsDir struct {
	*testing.T
	dir string
}

func newClientsDir(t *testing.T, main string) *clientsDir {
	d := &clientsDir{t, t.TempDir()}
	if err := os.Mkdir(filepath.Join(d.dir, "clients.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	d.write("config.yaml", required("clients_dir: clients.d\n"+main))
	return d
}

func (d *clientsDir) write(name, text string) {
	d.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.Fatal(err)
	}
}

func (d *clientsDir) load() (*Config, *Files, error) {
	return LoadFiles(filepath.Join(d.dir, "config.yaml"), testEnv)
}

// refused loads, which must fail with the text, in which DIR stands for the directory.
func (d *clientsDir) refused(want string) {
	d.Helper()
	c, _, err := d.load()
	if err == nil || c != nil || !strings.Contains(strings.ReplaceAll(err.Error(), d.dir, "DIR"), want) {
		d.Errorf("got  %v\nwant %s", err, want)
	}
}

const spa = "client_id: %s\nredirect_uris: [https://%[1]s.example/cb]\ntoken_endpoint_auth_method: none\n"

func TestClientsOfTheDirectoryStandBesideTheFilesOwn(t *testing.T) {
	t.Parallel()
	d := newClientsDir(t, "clients: [{client_id: main, token_endpoint_auth_method: none}]")
	d.write("clients.d/b.yaml", fmt.Sprintf(spa, "b"))
	d.write("clients.d/a.yml", "- {client_id: a1, token_endpoint_auth_method: none}\n- client_id: a2\n  secret: file:secret\n")
	d.write("clients.d/c.json", `{"client_id": "c", "token_endpoint_auth_method": "none"}`)
	d.write("clients.d/secret", "hunter2-hunter2")
	for _, other := range []string{"README.md", ".hidden.yaml", "b.yaml~", "x.yaml.bak"} {
		d.write("clients.d/"+other, "{{")
	}
	c, _, err := d.load()
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for i, client := range c.Clients {
		place := strings.ReplaceAll(c.Where(fmt.Sprintf("clients[%d]", i)), d.dir+"/", "")
		got += fmt.Sprintln(client.ID, client.Secret != "", strings.TrimPrefix(client.Source, d.dir+"/"), place)
	}
	want := `main false config.yaml config.yaml:2: clients[0]
a1 false clients.d/a.yml clients.d/a.yml:1: [0]
a2 true clients.d/a.yml clients.d/a.yml:2: [1]
b false clients.d/b.yaml clients.d/b.yaml:1
c false clients.d/c.json clients.d/c.json:1
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestIDInTwoFilesNamesBothPlaces(t *testing.T) {
	t.Parallel()
	d := newClientsDir(t, "clients: [{client_id: main, token_endpoint_auth_method: none}]")
	d.write("clients.d/a.yaml", "# twice\n"+fmt.Sprintf(spa, "a"))
	d.write("clients.d/b.yaml", "- "+strings.ReplaceAll(fmt.Sprintf(spa, "a"), "\n", "\n  "))
	d.write("clients.d/c.yaml", fmt.Sprintf(spa, "main"))
	d.refused(`DIR/clients.d/b.yaml:1: [0].client_id: "a" is also the id of DIR/clients.d/a.yaml:2: ids are unique`)
	d.refused(`DIR/clients.d/c.yaml:1: client_id: "main" is also the id of DIR/config.yaml:2: clients[0]: ids are unique`)
}

func TestEveryMistakeOfTheDirectoryIsReportedWithItsFileAndLine(t *testing.T) {
	t.Parallel()
	d := newClientsDir(t, "")
	d.refused(`clients_dir: "DIR/clients.d" has no *.yaml`)
	d.write("clients.d/1.yaml", "client_id: a\nredirectUris: []\n")
	d.write("clients.d/2.yaml", "client_id: [\n")
	d.write("clients.d/3.json", "{\n\"client_id\": 7,\n\"secret\": \"x\"}")
	d.write("clients.d/4.yaml", "")
	d.write("clients.d/5.yaml", "[]")
	d.write("clients.d/6.yaml", "client_id: a\nclient_name: &x [*x]\n")
	d.write("clients.d/7.json", "{\n,}")
	d.write("clients.d/8.yaml", "clients: []\n")
	d.write("clients.d/9.yaml", strings.Repeat("#", maxFile+1))
	if err := os.Symlink("loop.yaml", filepath.Join(d.dir, "clients.d", "loop.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("gone", filepath.Join(d.dir, "clients.d", "vanished.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(d.dir, "clients.d", "dir.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`1.yaml:2: redirectUris: unknown key; did you mean "redirect_uris"?`,
		"2.yaml:", "3.json:2: client_id: must be a string", "4.yaml: is empty", "5.yaml: holds no client", "6.yaml:2: client_name: ",
		"7.json:2: not valid JSON", `8.yaml:1: clients: unknown key; did you mean`, "9.yaml: DIR/clients.d/9.yaml is larger than",
		"loop.yaml: cannot be read: too many levels of symbolic links", "vanished.yaml: cannot be read: no such file", "dir.yaml: DIR/clients.d/dir.yaml is not a regular file",
	} {
		d.refused("DIR/clients.d/" + want)
	}
	d.write("config.yaml", required("clients_dir: nowhere"))
	d.refused("config.yaml:1: clients_dir: cannot read the directory: open DIR/nowhere: no such file")
}

// Whatever a configuration was read from, and in whichever way it is replaced, is noticed.
func TestFilesThatChangeAreNoticed(t *testing.T) {
	t.Parallel()
	d := newClientsDir(t, "clients: [{client_id: main, secret: file:secret}]")
	d.write("secret", "one")
	d.write("clients.d/old.yaml", fmt.Sprintf(spa, "old"))
	// As a cluster lays out a ConfigMap: links to links to a directory that is swapped.
	link := func(target, name string) {
		t.Helper()
		tmp := filepath.Join(d.dir, "tmp")
		if err := errors.Join(os.Symlink(target, tmp), os.Rename(tmp, filepath.Join(d.dir, name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, version := range []string{"..1", "..2"} {
		if err := os.Mkdir(filepath.Join(d.dir, "clients.d", version), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	d.write("clients.d/..1/a.yaml", fmt.Sprintf(spa, "a"))
	d.write("clients.d/..2/a.yaml", fmt.Sprintf(spa, "b"))
	link("..1", "clients.d/..data")
	link("..data/a.yaml", "clients.d/a.yaml")
	for name, change := range map[string]func(){
		"the file": func() {
			d.write("config.yaml", required("clients_dir: clients.d\nclients: [{client_id: next, secret: file:secret}]"))
		},
		"a secret":      func() { d.write("secret", "two") },
		"a client":      func() { link("..2", "clients.d/..data") },
		"one more file": func() { d.write("clients.d/new.json", `{"client_id": "new", "token_endpoint_auth_method": "none"}`) },
		"a file less": func() {
			if err := os.Remove(filepath.Join(d.dir, "clients.d", "old.yaml")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		_, files, err := d.load()
		if err != nil {
			t.Fatal(name, err)
		}
		if files.Changed() {
			t.Errorf("%s: changed before", name)
		}
		change()
		if !files.Changed() {
			t.Errorf("%s: not noticed", name)
		}
	}
	// What could not be read is looked for too.
	if err := os.Remove(filepath.Join(d.dir, "secret")); err != nil {
		t.Fatal(err)
	}
	_, files, err := d.load()
	if !errors.Is(err, fs.ErrNotExist) || files.Changed() {
		t.Error(err)
	}
	if d.write("secret", "three"); !files.Changed() {
		t.Error("the file that was missing is not noticed")
	}
}
