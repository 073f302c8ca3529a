package admin

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"sync"

	"go.yaml.in/yaml/v3"
)

// The description, a file for each resource.
//
//go:embed openapi/*.yaml
var openapiFiles embed.FS

// OpenAPI returns the description of the API, an OpenAPI 3.1 document in JSON.
var OpenAPI = sync.OnceValue(func() []byte {
	whole := map[string]any{}
	names, err := fs.Glob(openapiFiles, "openapi/*.yaml")
	if err != nil {
		panic(err) // the pattern is constant
	}
	for _, name := range names {
		text, err := openapiFiles.ReadFile(name)
		part := map[string]any{}
		if err == nil {
			err = yaml.Unmarshal(text, &part)
		}
		if err != nil {
			panic(fmt.Errorf("%s: %w", name, err)) // it is compiled in, and tested
		}
		join(whole, part)
	}
	text, err := json.Marshal(whole)
	if err != nil {
		panic(err)
	}
	return text
})

// join adds the members of part to whole, objects member by member.
func join(whole, part map[string]any) {
	for name, value := range part {
		inner, both := whole[name].(map[string]any)
		if object, ok := value.(map[string]any); ok && both {
			join(inner, object)
		} else {
			whole[name] = value
		}
	}
}

func (s *Server) describe(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(OpenAPI()) // nobody is there any more
	return nil
}
