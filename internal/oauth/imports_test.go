package oauth_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestNobodyElseImportsFosite keeps the library to this package, so that it can be
// replaced here alone. Tests elsewhere are held to that as well: one that knew its types would
// have to be written anew with it.
func TestNobodyElseImportsFosite(t *testing.T) {
	t.Parallel()
	const library, room = "github.com/ory/fosite", "near-idp/internal/oauth"
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f",
		`{{.ImportPath}} {{join .Imports " "}} {{join .TestImports " "}} {{join .XTestImports " "}}`, "near-idp/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	here := false
	for line := range strings.Lines(string(out)) {
		imports := strings.Fields(line)
		for _, imported := range imports[1:] {
			switch {
			case imported != library && !strings.HasPrefix(imported, library+"/"):
			case imports[0] == room:
				here = true
			default:
				t.Errorf("%s must not import %s", imports[0], imported)
			}
		}
	}
	if !here {
		t.Error("not even this package imports it: is the name still right?")
	}
}
