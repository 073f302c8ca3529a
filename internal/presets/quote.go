package presets

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode"
)

// quoted writes text between double quotes, in such a way that JSON, YAML, TOML
// and JavaScript read the same. Nothing is expanded between them in any of these.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(text, string(unicode.ReplacementChar)) {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r <= 0xffff && !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// attribute writes text as the value of an attribute of HTML.
func attribute(text string) string {
	return `"` + html.EscapeString(strings.ToValidUTF8(text, string(unicode.ReplacementChar))) + `"`
}

func quotedList(list []string) string {
	items := make([]string, len(list))
	for i, item := range list {
		items[i] = quoted(item)
	}
	return "[" + strings.Join(items, ", ") + "]"
}

var (
	plainWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/-]*$`)
	plainURL  = regexp.MustCompile(`^https?://[A-Za-z0-9._~/:%-]*[A-Za-z0-9._~/%-]$`)
	// yamlWords are read as something other than a string by some version of YAML.
	yamlWords = regexp.MustCompile(`^(?i:y|yes|n|no|true|false|on|off|null|nan|inf)$`)
)

// yaml writes text as a scalar of YAML, without quotes where people would write none.
func yaml(text string) string {
	if plainURL.MatchString(text) || plainWord.MatchString(text) && !yamlWords.MatchString(text) {
		return text
	}
	return quoted(text)
}

func yamlList(list []string) string {
	items := make([]string, len(list))
	for i, item := range list {
		items[i] = yaml(item)
	}
	return "[" + strings.Join(items, ", ") + "]"
}

var shellWord = regexp.MustCompile(`^[A-Za-z0-9._/:@%+=-]+$`)

// shell writes text as one word of a POSIX shell.
func shell(text string) string {
	if shellWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(strings.ReplaceAll(text, "\x00", ""), "'", `'\''`) + "'"
}

// flag writes one option of a command, its name included.
func flag(name, value string) string { return "--" + name + "=" + shell(value) }

// ruby writes text as a string of Ruby in which nothing is interpolated.
func ruby(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}

func rubyList(list []string) string {
	items := make([]string, len(list))
	for i, item := range list {
		items[i] = ruby(item)
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// expands finds what the readers of grafana.ini replace by something else: variables
// of the environment, files, and other keys. None of these has an escape.
var expands = regexp.MustCompile(`\$(__\w+)?\{|%\(`)

// ini writes text as the value of a key, as go-ini reads it in Grafana and Gitea.
// What they would expand or could not read back is an error that names the value by what.
func ini(what, text string) (string, error) {
	if expands.MatchString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", fmt.Errorf("the %s has a line break, or ${ or %%(, which are replaced when an ini file is read: choose another", what)
	}
	if text == "" || strings.ContainsAny(text, "#;") || strings.ContainsAny(text[:1], "`\"'") ||
		strings.HasSuffix(text, `\`) || text != strings.TrimSpace(text) {
		// The last backquote of the line ends the value, so there may be others in it.
		return "`" + text + "`", nil
	}
	return text, nil
}
