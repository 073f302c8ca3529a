package audit

import (
	"maps"
	"strings"
	"unicode"
	"unicode/utf8"

	"near-idp/internal/idp"
)

// The characters that one text of an event may have, and the members of a list.
const (
	maxField = 128
	maxValue = 400
	maxList  = 20
)

// Clean makes texts that came with a request fit to be stored and shown: bounded, valid
// UTF-8, and without a character that could begin a line of a log, move a
// terminal's cursor or turn the text around it.
func Clean(e idp.Event) idp.Event {
	for _, field := range []*string{&e.Type, &e.Outcome, &e.Reason, &e.ClientID, &e.AccountID, &e.Subject, &e.SID, &e.RequestID, &e.Address, &e.Actor} {
		*field = clean(*field, maxField)
	}
	e.Details = maps.Clone(e.Details)
	for name, value := range e.Details {
		switch value := value.(type) {
		case string:
			e.Details[name] = clean(value, maxValue)
		case []string:
			list := make([]string, 0, min(len(value), maxList))
			for _, text := range value[:min(len(value), maxList)] {
				list = append(list, clean(text, maxValue))
			}
			e.Details[name] = list
		}
	}
	return e
}

func clean(text string, most int) string {
	if utf8.ValidString(text) && len(text) <= most && !strings.ContainsFunc(text, unfit) {
		return text
	}
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n == most {
			b.WriteRune('…')
			break
		}
		if unfit(r) {
			r = utf8.RuneError
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

func unfit(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
