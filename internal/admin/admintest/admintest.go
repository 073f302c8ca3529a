// Package admintest holds requests to the admin API, and its answers, to the
// OpenAPI document that describes it.
package admintest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"near-idp/internal/admin"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/errors"
)

var described = sync.OnceValues(func() (validator.Validator, error) {
	doc, err := libopenapi.NewDocument(bytes.ReplaceAll(admin.OpenAPI(), []byte("}:"), []byte("}/:")))
	if err != nil {
		return nil, err
	}
	v, problems := validator.NewValidator(doc)
	if len(problems) > 0 {
		return nil, fmt.Errorf("%v", problems)
	}
	if ok, wrong := v.ValidateDocument(); !ok {
		return nil, fmt.Errorf("the document is not OpenAPI 3.1: %s", list(wrong))
	}
	return v, nil
})

// The validator is not safe for concurrent use of one document.
var one sync.Mutex

// Held returns a handler that answers as next does, and fails the test if an answer is
// not as the document says, or is a success of a request that is not.
func Held(t testing.TB, next http.Handler) http.Handler {
	t.Helper()
	v, err := described()
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		hold(t, v, r, body, rec)
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

func hold(t testing.TB, v validator.Validator, r *http.Request, body []byte, rec *httptest.ResponseRecorder) {
	t.Helper()
	one.Lock()
	defer one.Unlock()
	again := r.Clone(r.Context())
	again.URL.Path = apart(r.URL.Path)
	again.Body = io.NopCloser(bytes.NewReader(body))
	if rec.Code < http.StatusMultipleChoices {
		if ok, wrong := v.ValidateHttpRequestSync(again); !ok {
			t.Errorf("%s %s succeeded with %d, but the document does not allow it: %s\n%s", r.Method, r.URL, rec.Code, list(wrong), body)
		}
	}
	if rec.Code == http.StatusNotFound && !strings.Contains(rec.Body.String(), `"code"`) {
		t.Errorf("%s %s: a 404 that is no problem", r.Method, r.URL)
	}
	if _, missing := v.ValidateHttpRequestSync(again); isUnknown(missing) {
		return // a path or method that the document does not have: nothing to hold to
	}
	again.Body = io.NopCloser(bytes.NewReader(body))
	answer := rec.Result()
	answer.Request = again
	if ok, wrong := v.ValidateHttpResponse(again, answer); !ok {
		t.Errorf("%s %s answered %d, which is not as the document says: %s\n%s", r.Method, r.URL, rec.Code, list(wrong), rec.Body)
	}
}

// apart makes a segment of its own of the verb that ends a path such as
// clients/{client_id}:disable, since the validator knows no parameters that fill half of one.
func apart(path string) string {
	before, last := path[:strings.LastIndexByte(path, '/')+1], path[strings.LastIndexByte(path, '/')+1:]
	id, verb, isVerb := strings.Cut(last, ":")
	if !isVerb || bytes.Contains(admin.OpenAPI(), []byte(`"`+path+`":`)) || !bytes.Contains(admin.OpenAPI(), []byte("}:"+verb+`":`)) {
		return path
	}
	return before + id + "/:" + verb
}

func isUnknown(wrong []*errors.ValidationError) bool {
	for _, e := range wrong {
		if e.IsPathMissingError() || e.IsOperationMissingError() {
			return true
		}
	}
	return false
}

func list(wrong []*errors.ValidationError) string {
	var b strings.Builder
	for _, e := range wrong {
		fmt.Fprintf(&b, "\n  %s: %s", e.Message, e.Reason)
		for _, s := range e.SchemaValidationErrors {
			fmt.Fprintf(&b, "\n    %s at %s", s.Reason, s.FieldPath)
		}
	}
	return b.String()
}
