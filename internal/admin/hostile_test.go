package admin_test

import (
	"encoding/json"
	"regexp"
	"testing"

	"near-idp/internal/admin"
)

// Bodies of wrong types for every member that any operation knows are refused, never a fault.
func TestBodiesOfWrongTypesAreNoFault(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.withTokens(s.issuing())
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`"([a-z_]+)":\{`).FindAllStringSubmatch(string(admin.OpenAPI()), -1) {
		names[m[1]] = true
	}
	bodies := []string{"", "null", "[]", "7", `"x"`, "{}", `{"":{}}`, "{\"a\":\"\\u0000\"}", `{"client_id":"\ud800"}`, "{\"token\":\"\xff\"}"}
	for _, value := range []any{nil, true, -1.5, 1e300, "", "x\x00", []any{}, []any{nil, 7, map[string]any{}}, map[string]any{}, map[string]any{"keys": []any{7}}} {
		all := map[string]any{}
		for name := range names {
			all[name] = value
			bodies = append(bodies, encode(t, map[string]any{name: value}))
		}
		own := map[string]any{"client_id": "a", "redirect_uris": []any{"https://a.example.com/cb"}, "idp": all}
		bodies = append(bodies, encode(t, all), encode(t, own), encode(t, map[string]any{"clients": []any{own, all, value}}))
	}
	for _, op := range operations(t) {
		if op[0] == "GET" || op[0] == "DELETE" {
			continue
		}
		for _, body := range bodies {
			for _, query := range []string{"?dry_run=true", ""} {
				r := s.unheld(op[0], concrete(op[1])+query, body)
				if r.status >= 500 || r.status >= 400 && !json.Valid([]byte(r.body)) {
					t.Errorf("%s %s%s with %s: %d %s", op[0], op[1], query, body, r.status, r.body)
				}
			}
		}
	}
}
