package text

import (
	"encoding/json"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// speakers are the packages whose messages people read.
var speakers = []string{"near-idp/web/templates", "near-idp/internal/web", "near-idp/internal/claims"}

// spoken returns every constant of type Message in a package, as the compiler sees it.
func spoken(t *testing.T, exports map[string]string, dir, path string, names []string) map[Message]bool {
	t.Helper()
	set := token.NewFileSet()
	var syntax []*ast.File
	for _, name := range names {
		file, err := parser.ParseFile(set, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		syntax = append(syntax, file)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	open := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	checker := types.Config{Importer: importer.ForCompiler(set, "gc", open)}
	if _, err := checker.Check(path, set, syntax, info); err != nil {
		t.Fatal(err)
	}
	found := map[Message]bool{}
	for _, value := range info.Types {
		if value.Value != nil && value.Type.String() == "near-idp/internal/text.Message" {
			if m := Message(constant.StringVal(value.Value)); m != "" {
				found[m] = true
			}
		}
	}
	return found
}

// everySentence collects what all packages say.
func everySentence(t *testing.T) map[Message]bool {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles"}, speakers...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	exports, dirs, files := map[string]string{}, map[string]string{}, map[string][]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var pkg struct {
			ImportPath, Dir, Export string
			GoFiles                 []string
		}
		if err := decoder.Decode(&pkg); err != nil {
			t.Fatal(err)
		}
		exports[pkg.ImportPath], dirs[pkg.ImportPath], files[pkg.ImportPath] = pkg.Export, pkg.Dir, pkg.GoFiles
	}
	all := map[Message]bool{}
	for _, path := range speakers {
		found := spoken(t, exports, dirs[path], path, files[path])
		if len(found) == 0 {
			t.Errorf("%s says nothing: is it still a speaker?", path)
		}
		maps.Copy(all, found)
	}
	return all
}

var placeholder = regexp.MustCompile(`\{[a-z_]*\}`)

func placeholders(sentence string) []string {
	found := placeholder.FindAllString(sentence, -1)
	slices.Sort(found)
	return found
}

func TestNoSentenceIsMissingInAnyLanguage(t *testing.T) {
	t.Parallel()
	said := everySentence(t)
	catalog, err := load(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range languages[1:] {
		for m := range said {
			translation, ok := catalog[l.Tag][m]
			switch {
			case !ok:
				t.Errorf("%s: missing: %q", l.Tag, m)
			case strings.TrimSpace(translation) == "":
				t.Errorf("%s: empty: %q", l.Tag, m)
			case !slices.Equal(placeholders(translation), placeholders(string(m))):
				t.Errorf("%s: %q has other names in braces than %q", l.Tag, translation, m)
			}
		}
		for m := range catalog[l.Tag] {
			if !said[m] {
				t.Errorf("%s: nobody says %q any more", l.Tag, m)
			}
		}
	}
}

// Translators find a sentence in one place, and two changes touch the same lines only if they have to.
func TestCatalogsAreInOrder(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(files, "catalog/*.json")
	if err != nil {
		t.Fatal(err)
	}
	home := map[Message]string{}
	for _, name := range names {
		body, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		var area map[Message]map[string]string
		if err := json.Unmarshal(body, &area); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for m := range area {
			if home[m] != "" {
				t.Errorf("%q is in %s and in %s", m, home[m], name)
			}
			home[m] = name
		}
		var sorted strings.Builder
		encoder := json.NewEncoder(&sorted)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(area); err != nil {
			t.Fatal(err)
		}
		if sorted.String() != string(body) {
			t.Errorf("%s is not sorted and indented by two spaces: go run ./internal/text/tidy", name)
		}
	}
}

func TestTheReadersLanguageIsChosen(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		preferences []string
		want        string
	}{
		{nil, "en"},
		{[]string{"", "de-AT,de;q=0.9,en;q=0.8"}, "de"},
		{[]string{"fr-CA fr en", "de"}, "fr"},
		{[]string{"xx qq", "uk-UA"}, "uk"},
		{[]string{"pt"}, "pt-BR"},
		{[]string{"zh-Hans-SG"}, "zh-CN"},
		{[]string{"ar-EG"}, "ar"},
		{[]string{"en;q=0.1, vi;q=0.9"}, "vi"},
		{[]string{"ja"}, "en"},
		{[]string{"../../etc/passwd"}, "en"},
		{[]string{"de_DE@euro, $$$, id"}, "id"},
		{[]string{strings.Repeat("de-", 10000)}, "en"},
		{[]string{strings.Repeat("x,", 10000)}, "en"},
		{[]string{"\x00\xff\u202e"}, "en"},
	} {
		if got := For(test.preferences...).Language().Tag; got != test.want {
			t.Errorf("For(%.40q) writes %s, want %s", test.preferences, got, test.want)
		}
	}
}

func TestWhatIsFilledInCannotReorderTheSentence(t *testing.T) {
	t.Parallel()
	const name = "\u05d0\u05d1!"
	got := (*Printer)(nil).T("Sign in to {client} now", "client", name)
	if want := "Sign in to \u2068" + name + "\u2069 now"; got != want {
		t.Errorf("T = %q, want %q", got, want)
	}
	arabic, ok := Named("ar")
	if !ok {
		t.Fatal("no Arabic")
	}
	if got := arabic.T("{a}", "a", "app.example!"); got != "\u2068app.example!\u2069" {
		t.Errorf("T = %q: a host within Arabic is not isolated", got)
	}
}

func TestWhatIsFilledInIsNotFilledAgain(t *testing.T) {
	t.Parallel()
	got := (*Printer)(nil).T("{a} and {b}", "a", "{b}", "b", "2")
	if got != "{b} and 2" {
		t.Errorf("T = %q: a name was read as a placeholder", got)
	}
}

func TestAMessageIsTakenApart(t *testing.T) {
	t.Parallel()
	for m, want := range map[Message][]Part{
		"Your wallet must name {host}. Fine.": {{Words: "Your wallet must name "}, {Name: "host"}, {Words: ". Fine."}},
		"{a}{b}":                              {{Name: "a"}, {Name: "b"}},
		"an open { brace":                     {{Words: "an open { brace"}},
		"":                                    nil,
	} {
		if got := (*Printer)(nil).Parts(m); !slices.Equal(got, want) {
			t.Errorf("Parts(%q) = %v, want %v", m, got, want)
		}
	}
}
