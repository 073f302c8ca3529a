package text

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// A Language is one that pages are written in.
type Language struct {
	Tag         string // BCP 47, as in <html lang>
	Name        string // in the language itself
	RightToLeft bool
}

// English comes first: it is what the messages are written in, and for whoever reads none of these.
var languages = []Language{
	{Tag: "en", Name: "English"},
	{Tag: "ar", Name: "العربية", RightToLeft: true},
	{Tag: "de", Name: "Deutsch"},
	{Tag: "es", Name: "Español"},
	{Tag: "fr", Name: "Français"},
	{Tag: "id", Name: "Bahasa Indonesia"},
	{Tag: "pt-BR", Name: "Português (Brasil)"},
	{Tag: "uk", Name: "Українська"},
	{Tag: "vi", Name: "Tiếng Việt"},
	{Tag: "zh-CN", Name: "简体中文"},
}

// Languages are all that pages are written in, English first. Do not change them.
func Languages() []Language { return languages }

// Tags are those of Languages, as discovery documents list them.
func Tags() []string {
	tags := make([]string, len(languages))
	for i, l := range languages {
		tags[i] = l.Tag
	}
	return tags
}

//go:embed catalog/*.json
var files embed.FS

// printers has one for each language, in order. The catalog is read once, when
// somebody first reads a page; it is fixed when the program is built, so a mistake in it panics.
var printers = sync.OnceValue(func() []*Printer {
	catalog, err := load(files)
	if err != nil {
		panic(fmt.Sprintf("text: %v", err))
	}
	all := make([]*Printer, len(languages))
	for i, l := range languages {
		all[i] = &Printer{language: l, sentence: catalog[l.Tag]}
	}
	return all
})

// load reads the catalog, by the tag of the language.
func load(fsys fs.FS) (map[string]map[Message]string, error) {
	catalog := map[string]map[Message]string{}
	for _, l := range languages {
		catalog[l.Tag] = map[Message]string{}
	}
	names, err := fs.Glob(fsys, "catalog/*.json")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		body, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		var area map[Message]map[string]string
		if err := json.Unmarshal(body, &area); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for m, translations := range area {
			for tag, sentence := range translations {
				if catalog[tag] == nil {
					return nil, fmt.Errorf("%s: %q: no language %q", name, m, tag)
				}
				catalog[tag][m] = sentence
			}
		}
	}
	return catalog, nil
}

var matcher = sync.OnceValue(func() language.Matcher {
	tags := make([]language.Tag, len(languages))
	for i, l := range languages {
		tags[i] = language.MustParse(l.Tag)
	}
	return language.NewMatcher(tags)
})

// maxPreference bounds what is read of a header or parameter, in bytes.
const maxPreference = 256

// For returns the printer for whoever prefers these languages: lists in the form of
// Accept-Language (RFC 9110 section 12.5.4) or ui_locales (OpenID Connect Core section 3.1.2.1), the first
// that names one of ours counts. English if none does.
func For(preferences ...string) *Printer {
	for _, list := range preferences {
		list = list[:min(len(list), maxPreference)]
		if !strings.ContainsAny(list, ",;") {
			list = strings.Join(strings.Fields(list), ",")
		}
		tags, _, err := language.ParseAcceptLanguage(list)
		if err != nil {
			tags = parseEach(list)
		}
		if len(tags) == 0 {
			continue
		}
		if _, i, confidence := matcher().Match(tags...); confidence > language.No {
			return printers()[i]
		}
	}
	return printers()[0]
}

// parseEach keeps the tags that can be read of a list in which another cannot.
func parseEach(list string) []language.Tag {
	var tags []language.Tag
	for item := range strings.SplitSeq(list, ",") {
		tag, _, _ := strings.Cut(item, ";")
		if t, err := language.Parse(strings.TrimSpace(tag)); err == nil {
			tags = append(tags, t)
		}
	}
	return tags
}

// Named returns the printer of the language with exactly this tag.
func Named(tag string) (*Printer, bool) {
	for i, l := range languages {
		if l.Tag == tag {
			return printers()[i], true
		}
	}
	return nil, false
}
