package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A form is what was typed, and what is wrong with it.
type form struct {
	url.Values
	Errors map[string][]string // by field
	Others []string            // that belong to no field of the form
}

// blank is a form with these values.
func blank(values url.Values) form { return form{Values: values} }

// refused is a form whose values the API refused. Any other error is returned. The
// mistakes of fields that the form has not are among Others.
func refused(values url.Values, err error, fields ...string) (form, error) {
	p, ok := errors.AsType[*problem](err)
	if !ok || (p.Status != http.StatusUnprocessableEntity && p.Status != http.StatusConflict && p.Status != http.StatusPreconditionFailed) {
		return form{}, err
	}
	f := form{Values: values, Errors: map[string][]string{}}
	for _, mistake := range p.Errors {
		name := strings.TrimPrefix(mistake.Field, "idp.")
		if slices.Contains(fields, name) {
			f.Errors[name] = append(f.Errors[name], mistake.Detail)
		} else {
			f.Others = append(f.Others, mistake.Field+" "+mistake.Detail)
		}
	}
	if len(p.Errors) == 0 {
		f.Others = []string{p.Detail}
	}
	return f, nil
}

// Wrong reports whether anything is.
func (f form) Wrong() bool { return len(f.Errors)+len(f.Others) > 0 }

// add notes a mistake of a field.
func (f *form) add(field, text string) {
	if f.Errors == nil {
		f.Errors = map[string][]string{}
	}
	f.Errors[field] = append(f.Errors[field], text)
}

// status is that of a page which shows the form.
func (f form) status() int {
	if f.Wrong() {
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}

// A field is one control of a form.
type field struct {
	form
	Name, Label, Help string
	Type              string // of an input; "lines" for a list, one entry on each line
	Options           []option
	Required          bool
	Placeholder       string
}

// An option is one of a choice.
type option struct{ Value, Text string }

func (f field) id() string { return "f-" + f.Name }

// described names what is read out with the control.
func (f field) described() string {
	var ids []string
	if len(f.Errors[f.Name]) > 0 {
		ids = append(ids, f.id()+"-wrong")
	}
	if f.Help != "" {
		ids = append(ids, f.id()+"-help")
	}
	return strings.Join(ids, " ")
}

func (f field) invalid() bool { return len(f.Errors[f.Name]) > 0 }

// lines splits what was typed into a list, one entry on each line.
func lines(text string) []string {
	list := []string{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// rows is the height of a text area that holds text.
func rows(text string) int { return min(max(2, strings.Count(text, "\n")+1), 10) }
