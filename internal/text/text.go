// Package text is what people read, in their own language.
//
// A Message is an English sentence and the key of its translations, which are in
// catalog, one file for each area of the product, every language of a sentence beside the
// others. What operators, logs and OAuth clients read is English and not of this package.
package text

import (
	"strings"
	"unicode"
)

// A Message is an English sentence. A name in braces, as in "Sign in to {client}",
// stands for what is filled in.
type Message string

// A Printer writes messages in one language. The nil Printer writes English.
type Printer struct {
	language Language
	sentence map[Message]string
}

// Language is the one that the printer writes.
func (p *Printer) Language() Language {
	if p == nil {
		return languages[0]
	}
	return p.language
}

// T returns the message in the reader's language. args are names and what is
// filled in for them, in turn: T("Sign in to {client}", "client", name).
func (p *Printer) T(m Message, args ...string) string {
	sentence := p.lookUp(m)
	if len(args) == 0 {
		return sentence
	}
	pairs := make([]string, 0, len(args))
	for i := 0; i+1 < len(args); i += 2 {
		pairs = append(pairs, "{"+args[i]+"}", p.isolate(args[i+1]))
	}
	return strings.NewReplacer(pairs...).Replace(sentence)
}

// A Part is a piece of a message: words, or the name of what stands there.
type Part struct {
	Words string // empty for a name
	Name  string
}

// Parts takes a message apart, for whoever fills in more than text.
func (p *Printer) Parts(m Message) []Part {
	var parts []Part
	rest := p.lookUp(m)
	for rest != "" {
		before, after, found := strings.Cut(rest, "{")
		name, behind, closed := strings.Cut(after, "}")
		if !found || !closed {
			return append(parts, Part{Words: rest})
		}
		if before != "" {
			parts = append(parts, Part{Words: before})
		}
		parts = append(parts, Part{Name: name})
		rest = behind
	}
	return parts
}

func (p *Printer) lookUp(m Message) string {
	if p != nil {
		if sentence, ok := p.sentence[m]; ok {
			return sentence
		}
	}
	return string(m)
}

// The directional isolates of Unicode (UAX 9, section 2.4).
const (
	firstStrongIsolate = "\u2068"
	popIsolate         = "\u2069"
)

// isolate keeps what is filled in from reordering the sentence around it: a name
// of the other direction, or one that ends in a sign of no direction.
func (p *Printer) isolate(filled string) string {
	if filled == "" || !p.Language().RightToLeft && strings.IndexFunc(filled, beyondASCII) < 0 {
		return filled
	}
	return firstStrongIsolate + filled + popIsolate
}

func beyondASCII(r rune) bool { return r > unicode.MaxASCII }
