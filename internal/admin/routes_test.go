package admin

import (
	"encoding/json"
	"strings"
	"testing"
)

// What is served and not described would be held to nothing, and what is described
// and not served is a promise that is not kept.
func TestDocumentAndRoutesAreTheSame(t *testing.T) {
	t.Parallel()
	var doc struct {
		Paths map[string]map[string]struct {
			Scope     string `json:"x-scope"`
			Operation string `json:"operationId"`
		}
	}
	if err := json.Unmarshal(withoutParameters(t), &doc); err != nil {
		t.Fatal(err)
	}
	described, operations := map[string]string{}, map[string]bool{}
	for path, item := range doc.Paths {
		for method, operation := range item {
			described[strings.ToUpper(method)+" "+path] = operation.Scope
			if operation.Operation == "" || operations[operation.Operation] {
				t.Errorf("%s %s: operationId %q is missing or used twice", method, path, operation.Operation)
			}
			operations[operation.Operation] = true
		}
	}
	for _, r := range (&Server{}).routes() {
		scope, known := described[r.pattern]
		if !known {
			t.Errorf("%s is not in the document", r.pattern)
		} else if scope != r.scope {
			t.Errorf("%s needs the scope %q, and the document says %q", r.pattern, r.scope, scope)
		}
		delete(described, r.pattern)
	}
	for pattern := range described {
		t.Errorf("%s is in the document alone", pattern)
	}
}

// withoutParameters is the document with nothing but operations in its paths.
func withoutParameters(t *testing.T) []byte {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, item := range doc.Paths {
		delete(item, "parameters")
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
