package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// The largest bodies that are read.
const (
	maxLoginBody = 16 << 10
	maxTokenBody = 64 << 10
)

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

// fields are the members of a JSON object. Names are compared exactly, which
// encoding/json does not do for structs.
type fields map[string]json.RawMessage

// mediaType is the body's type, "" if it has none that can be read.
func mediaType(r *http.Request) string {
	name, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return name
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, err
	}
	if err != nil {
		return nil, &problem{status: http.StatusBadRequest, code: "malformed", detail: "The request's body ended early.", err: err}
	}
	return body, nil
}

// readJSON reads a body that must be one JSON object. The type is demanded, because
// a browser asks before a page elsewhere may send it.
func readJSON(w http.ResponseWriter, r *http.Request) (fields, error) {
	if mediaType(r) != typeJSON {
		return nil, errMediaType(typeJSON)
	}
	body, err := readBody(w, r, maxLoginBody)
	if err != nil {
		return nil, err
	}
	return parseJSON(body)
}

func parseJSON(body []byte) (fields, error) {
	var f fields
	dec := json.NewDecoder(bytes.NewReader(body))
	err := dec.Decode(&f)
	if err == nil && f == nil {
		err = errors.New("null")
	}
	if err == nil && dec.InputOffset() != int64(len(bytes.TrimRight(body, " \t\r\n"))) {
		err = errors.New("data after the object")
	}
	if err != nil {
		return nil, malformed("The request's body must be one JSON object.", err)
	}
	return f, nil
}

// readForm reads a form body; the query is no part of it.
func readForm(w http.ResponseWriter, r *http.Request, limit int64) (url.Values, error) {
	if mediaType(r) != typeForm {
		return nil, errMediaType(typeForm)
	}
	body, err := readBody(w, r, limit)
	if err != nil {
		return nil, err
	}
	return parseQuery(string(body))
}

// text returns the first of the named members that is present and not null.
func (f fields) text(names ...string) (string, error) {
	value, err := f.optional(names...)
	if err != nil || value == nil {
		return "", err
	}
	return *value, nil
}

// optional is text, with nil for absent.
func (f fields) optional(names ...string) (*string, error) {
	for _, name := range names {
		raw, ok := f[name]
		if !ok || string(raw) == "null" {
			continue
		}
		var value string
		if err := json.Unmarshal(raw, &value); err != nil {
			return nil, malformed(fmt.Sprintf("The member %s must be a string.", name), err)
		}
		return &value, nil
	}
	return nil, nil
}

// form returns the members as the parameters of an OAuth request. What is no
// string, number or boolean is no parameter of ours, and is ignored like other unknown ones.
func (f fields) form() url.Values {
	form := url.Values{}
	for name, raw := range f {
		var value any
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if dec.Decode(&value) != nil {
			continue
		}
		switch value.(type) {
		case string, json.Number, bool:
			form.Set(name, fmt.Sprint(value))
		}
	}
	return form
}

func malformed(detail string, cause error) error {
	return &problem{status: http.StatusBadRequest, code: "malformed", detail: detail, err: cause}
}

func errMediaType(want string) error {
	return &problem{status: http.StatusUnsupportedMediaType, code: "unsupported_media_type", detail: "Send the body as " + want + "."}
}

func errTooLarge(err *http.MaxBytesError) *problem {
	return &problem{status: http.StatusRequestEntityTooLarge, code: "too_large", err: err,
		detail: fmt.Sprintf("The request's body is larger than %d KiB.", err.Limit>>10)}
}
