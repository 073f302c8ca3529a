package templates

// Post is an answer that the browser posts to an application.
type Post struct {
	Page
	To         string // the redirect URI; javascript: and its kin are refused
	ClientName string // empty: the application
	Fields     []Field
}

// A Field is one hidden input of a form.
type Field struct{ Name, Value string }
