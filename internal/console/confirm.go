package console

import (
	"net/http"

	"github.com/a-h/templ"
)

// A confirmation is a page that asks before something is done.
type confirmation struct {
	page
	Texts  []string
	Action templ.SafeURL // that the form posts to
	Button string
	Back   templ.SafeURL
	Type   string // what has to be typed; empty: nothing
	Hidden map[string]string
	Wrong  string // about what was typed
}

// confirmed reports that what the page asked for was typed; it shows the page again if not.
func (s *Server) confirmed(w http.ResponseWriter, r *http.Request, v confirmation) (bool, error) {
	if v.Type == "" || r.PostForm.Get("typed") == v.Type {
		return true, nil
	}
	v.Wrong = "This is not it. Nothing was changed."
	return false, s.render(w, r, http.StatusUnprocessableEntity, confirmPage(v))
}

// says are the attributes by which a control tells what is wrong with it.
func says(f field) templ.Attributes {
	a := templ.Attributes{}
	if ids := f.described(); ids != "" {
		a["aria-describedby"] = ids
	}
	if f.invalid() {
		a["aria-invalid"] = "true"
	}
	return a
}

func saysWrong(text string) templ.Attributes {
	if text == "" {
		return templ.Attributes{}
	}
	return templ.Attributes{"aria-invalid": "true", "aria-describedby": "typed-wrong"}
}
