package e2e

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// What npm would publish: the script, its types and nothing else that is not npm's own.
func TestButtonPackageCanBePublished(t *testing.T) {
	t.Parallel()
	requireNPM(t)
	cmd := exec.Command("npm", "pack", "--dry-run", "--json", "--ignore-scripts", "--cache", t.TempDir())
	cmd.Dir = filepath.Join("..", "..", "packages", "button")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("npm pack: %v\n%s", err, out)
	}
	var packed []struct {
		Name  string `json:"name"`
		Files []struct {
			Path string `json:"path"`
		} `json:"files"`
	}
	if err := json.Unmarshal(out, &packed); err != nil || len(packed) != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	var files []string
	for _, file := range packed[0].Files {
		files = append(files, file.Path)
	}
	slices.Sort(files)
	if want := []string{"LICENSE", "README.md", "near-signin-button.d.ts", "near-signin-button.js", "package.json"}; packed[0].Name != "near-signin-button" || !slices.Equal(files, want) {
		t.Errorf("%s holds %q, want %q", packed[0].Name, files, want)
	}
}

// A server that renders pages imports what its pages import, and has no elements.
func TestButtonPackageIsImportedByServers(t *testing.T) {
	t.Parallel()
	requireNPM(t)
	script := `const m = await import("./near-signin-button.js");
		const { code } = await m.signIn({}).catch((e) => e);
		console.log(JSON.stringify([...Object.keys(m).sort(), code, new m.NearSignInError("x", "y").message]))`
	cmd := exec.Command("node", "--input-type=module", "--eval", script)
	cmd.Dir = filepath.Join("..", "..", "packages", "button")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got []string
	want := []string{"NearSignInButton", "NearSignInError", "handleCallback", "relayCallback", "signIn", "unexpected", "x: y"}
	if err := json.Unmarshal(out, &got); err != nil || !slices.Equal(got, want) {
		t.Errorf("%s, want %q (%v)", out, want, err)
	}
}
