package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// maxBody bounds a request's body, in bytes. An import of some thousand clients fits.
const maxBody = 8 << 20

// readBody returns a JSON body.
func readBody(w http.ResponseWriter, r *http.Request, types ...string) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	ok := err == nil && kind == "application/json"
	for _, other := range types {
		ok = ok || err == nil && kind == other
	}
	if !ok {
		return nil, errMediaType
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}

// readJSON reads a JSON body strictly: an unknown member is a mistake, not to be ignored.
func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	return decode(body, into)
}

// decode reads one JSON value with no unknown members.
func decode(body []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, err := dec.Token(); !errors.Is(err, io.EOF) {
			return malformed("after the JSON value there is more: send one value")
		}
		return nil
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return invalid([]fieldProblem{{wrong.Field, fmt.Sprintf("has the wrong type: want %s, got %s", jsonType(wrong.Type.String()), wrong.Value)}})
	}
	if name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		return invalid([]fieldProblem{{strings.Trim(name, `"`), "is not a known member"}})
	}
	return malformed(strings.TrimPrefix(err.Error(), "json: "))
}

func malformed(detail string) error {
	return &problem{Status: http.StatusBadRequest, Code: "malformed", Detail: "The body is not what is expected: " + detail + "."}
}

// jsonType names a Go type as JSON does.
func jsonType(kind string) string {
	switch {
	case strings.HasPrefix(kind, "[]"):
		return "array"
	case kind == "bool" || kind == "*bool":
		return "boolean"
	case strings.HasPrefix(kind, "int") || strings.HasPrefix(kind, "uint") || strings.HasPrefix(kind, "float"):
		return "number"
	case kind == "string" || strings.HasPrefix(kind, "time.") || strings.HasSuffix(kind, "Duration"):
		return "string"
	}
	return "object"
}

// writeJSON writes a value whole or not at all.
func writeJSON(w http.ResponseWriter, status int, value any) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return fmt.Errorf("render: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // nobody is there any more
	return nil
}

// dryRun reports that a change is to be checked and not made.
func dryRun(r *http.Request) bool { return r.URL.Query().Get("dry_run") == "true" }

// orEmpty is never null in JSON.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
