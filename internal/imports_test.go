package internal

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// ours is the dependency diagram: a package may import those listed after it
// and no other of ours. cmd/idp joins everything and is not listed.
var ours = map[string]string{
	"internal/admin":           "internal/account internal/audit internal/clients internal/config internal/idp internal/keyring internal/limit internal/near internal/oauth internal/observe internal/presets",
	"internal/admin/admintest": "internal/admin",
	"internal/console":         "internal/admin internal/idp internal/logos internal/observe internal/presets web/static",
	"internal/doctor":          "",
	"internal/due":             "",
	"internal/observe":         "",
	"internal/idp":             "",
	"internal/systemd":         "",
	"internal/limit":           "internal/idp internal/recent",
	"internal/backup":          "internal/idp",
	"internal/audit":           "internal/idp internal/limit",
	"internal/metrics":         "",
	"internal/near":            "",
	"internal/localpg":         "",
	"internal/config":          "internal/access internal/claims internal/icon internal/idp",
	"internal/icon":            "",
	"internal/access":          "internal/idp internal/near",
	"internal/account":         "internal/idp internal/near",
	"internal/claims":          "internal/idp internal/text",
	"internal/jose":            "internal/idp",
	"internal/clients":         "internal/idp internal/jose internal/logos",
	"internal/recent":          "",
	"internal/presets":         "internal/claims internal/idp",
	"internal/keyring":         "internal/idp internal/recent",
	"internal/login":           "internal/idp internal/limit internal/near internal/recent",
	"internal/oauth":           "internal/idp internal/recent internal/jose",
	"internal/logos":           "internal/due internal/idp internal/outbound",
	"internal/logout":          "internal/due internal/idp internal/outbound",
	"internal/postgres":        "internal/idp migrations",
	"internal/text":            "",
	"internal/text/tidy":       "",
	"internal/web":             "internal/account internal/idp internal/clients internal/icon internal/limit internal/login internal/oauth internal/relay internal/text web/templates web/static",
	"internal/demo":            "internal/near internal/neartest internal/idp web/static web/templates",
	"internal/neartest":        "",
	"internal/outbound":        "",
	"internal/relay":           "internal/idp internal/near",
	"internal/browsertest":     "",
	"internal/pgtest":          "internal/localpg internal/postgres migrations",
	"internal/tracing":         "",
	"internal/trial":           "internal/pgtest",
	"internal/e2e":             "",
	"internal/ha":              "",
	"internal/referees":        "",
	"internal/checks":          "",
	"internal/release":         "",
	"internal/bench/floor":     "",
	"internal/bench":           "internal/localpg internal/near internal/neartest",
	"examples/go":              "",
	"examples/static":          "",
	"migrations":               "",
	"web/static":               "",
	"web/templates":            "internal/text",
}

// homes are the packages in which a library, named as CONTRIBUTING.md does, may be
// imported, so that each can be replaced in one place. The protocol's library is held to
// its room by internal/oauth/imports_test.go, tests included.
var homes = map[string]string{
	"go-jose/go-jose":          "internal/keyring internal/jose",
	"jackc/pgx":                "internal/postgres internal/localpg internal/pgtest internal/bench internal/bench/floor cmd/idp",
	"pressly/goose":            "internal/postgres internal/pgtest",
	"mr-tron/base58":           "internal/near",
	"a-h/templ":                "web/templates internal/web internal/console internal/demo",
	"pb33f":                    "internal/admin/admintest",
	"go.yaml.in/yaml":          "internal/admin internal/config internal/idp cmd/idp",
	"coreos/go-oidc":           "internal/demo cmd/idp internal/doctor examples/go",
	"golang.org/x/oauth2":      "internal/demo cmd/idp internal/doctor examples/go",
	"golang.org/x/text":        "internal/text",
	"golang.org/x/sys":         "internal/systemd",
	"rsc.io/qr":                "cmd/idp web/templates",
	"golang.org/x/image":       "internal/logos",
	"chromedp":                 "internal/browsertest",
	"rogpeppe/go-internal":     "",
	"pelletier/go-toml":        "",
	"gopkg.in/ini.v1":          "",
	"go.opentelemetry.io/otel": "internal/tracing",
	"prometheus":               "internal/metrics",
	// The certificates of the image are not in the program: it trusts those of its machine.
	"golang.org/x/crypto/x509roots": "internal/release",
	// Whoever executes these calls methods by name, for which the linker keeps every
	// method of every type: 2.3 MB of the program.
	"html/template": "examples/go examples/static",
	"text/template": "",
}

// TestImportsFollowTheDiagram holds what ships, not the tests, to the diagram
// of CONTRIBUTING.md.
func TestImportsFollowTheDiagram(t *testing.T) {
	const module = "near-idp/"
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		imports := strings.Fields(line)
		pkg := strings.TrimPrefix(imports[0], module)
		allowed, listed := ours[pkg]
		if !listed && !strings.HasPrefix(pkg, "cmd/") && pkg != "internal" {
			t.Errorf("%s is not in the diagram: add it to CONTRIBUTING.md and to this test", pkg)
		}
		seen++
		for _, imported := range imports[1:] {
			own, isOurs := strings.CutPrefix(imported, module)
			if isOurs && listed && !slices.Contains(strings.Fields(allowed), own) {
				t.Errorf("%s must not import %s", pkg, own)
			}
			for library, home := range homes {
				if within(imported, library) && !slices.Contains(strings.Fields(home), pkg) {
					t.Errorf("%s must not import %s, which belongs to %q", pkg, imported, home)
				}
			}
		}
	}
	if seen < len(ours)/2 {
		t.Fatalf("go list named only %d packages", seen)
	}
}

func within(imported, library string) bool {
	path := strings.TrimPrefix(imported, "github.com/")
	return path == library || strings.HasPrefix(path, library+"/")
}
