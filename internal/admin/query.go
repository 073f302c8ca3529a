package admin

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// A parameter is a reference to one, or the parameter itself, as far as its query is concerned.
type parameter struct {
	Ref    string `json:"$ref"`
	Name   string `json:"name"`
	In     string `json:"in"`
	Schema struct {
		Type string `json:"type"`
	} `json:"schema"`
}

// parameters are the types of the query parameters that each route takes, by its pattern, as the document describes them.
var parameters = sync.OnceValue(func() map[string]map[string]string {
	var doc struct {
		Paths      map[string]map[string]json.RawMessage
		Components struct{ Parameters map[string]parameter }
	}
	if err := json.Unmarshal(OpenAPI(), &doc); err != nil {
		panic(err) // it is compiled in, and tested
	}
	routes := map[string]map[string]string{}
	for path, item := range doc.Paths {
		for method, text := range item {
			var operation struct{ Parameters []parameter }
			if json.Unmarshal(text, &operation) != nil {
				continue // the parameters of the path, none of which is in the query
			}
			types := map[string]string{}
			for _, p := range operation.Parameters {
				if p.Ref != "" {
					p = doc.Components.Parameters[p.Ref[strings.LastIndexByte(p.Ref, '/')+1:]]
				}
				if p.In == "query" {
					types[p.Name] = p.Schema.Type
				}
			}
			routes[strings.ToUpper(method)+" "+path] = types
		}
	}
	return routes
})

// checkQuery refuses what a request would be read without: whoever misspells dry_run, or sends
// dry_run=1, means to change nothing.
func (rt route) checkQuery(r *http.Request) error {
	if !isText(r.URL.Path) {
		return errNoResource
	}
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &problem{Status: http.StatusBadRequest, Code: "malformed", Detail: "The query of the URL cannot be read: write NAME=VALUE&NAME=VALUE, percent-encoded.", err: err}
	}
	types, found := parameters()[rt.pattern]
	if !found {
		return nil
	}
	var list []fieldProblem
	for _, name := range slices.Sorted(maps.Keys(given)) {
		kind, known := types[name]
		switch value := given[name][0]; {
		case !known:
			list = append(list, fieldProblem{strings.ToValidUTF8(name, "?"), noParameter(types)})
		case len(given[name]) > 1 && kind != "array":
			list = append(list, fieldProblem{name, "is there more than once"})
		case !isText(value):
			list = append(list, fieldProblem{name, "has a character that is no text"})
		case kind == "boolean" && value != "true" && value != "false":
			list = append(list, fieldProblem{name, fmt.Sprintf("is %.20q: write true or false", value)})
		}
	}
	return invalid(list)
}

func noParameter(types map[string]string) string {
	if len(types) == 0 {
		return "is no parameter of this request, which takes none"
	}
	return "is no parameter of this request, which takes " + strings.Join(slices.Sorted(maps.Keys(types)), ", ")
}

// isText reports whether the database could hold a text.
func isText(value string) bool { return utf8.ValidString(value) && !strings.Contains(value, "\x00") }
