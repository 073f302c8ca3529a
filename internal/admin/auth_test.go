package admin_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"near-idp/internal/admin"
)

// operations lists every path, method and scope that the document has.
func operations(t testing.TB) (list [][3]string) {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(admin.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths {
		for method, raw := range item {
			var operation struct {
				Scope string `json:"x-scope"`
			}
			if method == "parameters" {
				continue
			}
			if err := json.Unmarshal(raw, &operation); err != nil {
				t.Fatal(err)
			}
			list = append(list, [3]string{strings.ToUpper(method), path, operation.Scope})
		}
	}
	return list
}

// concrete fills in the parameters of a path.
func concrete(path string) string {
	for strings.Contains(path, "{") {
		before, rest, _ := strings.Cut(path, "{")
		_, after, _ := strings.Cut(rest, "}")
		path = before + "x" + after
	}
	return path
}

func TestNothingAnswersWithoutARightKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	expired := s.newKey(admin.Scopes()...)
	other := s.newKey(admin.Scopes()...)
	id := strings.Split(other, "_")[1]
	s.do("DELETE", "/admin/v1/api-keys/"+id, nil).want(204, "")
	forged := s.key[:len(s.key)-1] + "A"
	if forged == s.key {
		forged = s.key[:len(s.key)-1] + "B"
	}
	for _, op := range append(operations(t), [3]string{"GET", "/", ""}, [3]string{"GET", "/admin/v1/nothing", ""}, [3]string{"TRACE", "/admin/v1/clients", ""}) {
		for name, credentials := range map[string]string{
			"none": "", "basic": "Basic YWRtaW46YWRtaW4=", "empty": "Bearer ", "not a key": "Bearer hunter2",
			"revoked": "Bearer " + other, "forged": "Bearer " + forged,
		} {
			r := httptest.NewRequest(op[0], concrete(op[1]), strings.NewReader("{}"))
			r.RemoteAddr = name + strings.ReplaceAll(op[0]+op[1], "/", "-") + ":1"
			if credentials != "" {
				r.Header.Set("Authorization", credentials)
			}
			if got := s.send(r); got.status != 401 || got.text("code") != "unauthorized" || got.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s with %s: %d %s", op[0], op[1], name, got.status, got.body)
			}
		}
	}
	if _, err := s.store.APIKey(t.Context(), strings.Split(expired, "_")[1]); err != nil {
		t.Error(err)
	}
}

func TestExpiredKeyIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.do("POST", "/admin/v1/api-keys", map[string]any{"scopes": []string{"clients:read"}, "expires_at": time.Now().Add(time.Second)}).want(201, "")
	short := s.as(r.text("key"))
	short.do("GET", "/admin/v1/clients", nil).want(200, "")
	time.Sleep(1100 * time.Millisecond)
	short.do("GET", "/admin/v1/clients", nil).want(401, "unauthorized")
}

// Each operation needs the scope that the document names, and that scope suffices.
func TestEachOperationNeedsItsScope(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	keys := map[string]string{}
	for _, scope := range admin.Scopes() {
		keys[scope] = s.newKey(scope)
	}
	for _, op := range operations(t) {
		for scope, key := range keys {
			includes := scope == op[2] || strings.TrimSuffix(scope, ":write")+":read" == op[2] || op[2] == ""
			got := s.as(key).do(op[0], concrete(op[1]), "{}")
			if forbidden := got.status == 403 && got.text("code") == "forbidden"; forbidden == includes {
				t.Errorf("%s %s with %s: %d %s", op[0], op[1], scope, got.status, got.body)
			}
		}
	}
}

func TestGuessingKeysIsSlowedDown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	guess := s.as("idpk_AAAAAAAAAAAA_" + strings.Repeat("A", 52))
	for range 20 {
		guess.do("GET", "/admin/v1/clients", nil).want(401, "unauthorized")
	}
	if r := guess.do("GET", "/admin/v1/clients", nil).want(429, "rate_limited"); r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	s.now = s.now.Add(time.Minute)
	guess.do("GET", "/admin/v1/clients", nil).want(401, "unauthorized")
}

// Behind a proxy, or on one machine, everybody comes from one address: a stranger, or a web page whose name was
// made to point here, must not keep the administrators out.
func TestGuessingKeysLocksNobodyElseOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	guess := s.as("idpk_AAAAAAAAAAAA_" + strings.Repeat("A", 52))
	for range 30 {
		guess.do("GET", "/admin/v1/clients", nil)
	}
	guess.do("GET", "/admin/v1/clients", nil).want(429, "rate_limited")
	s.do("GET", "/admin/v1/clients", nil).want(200, "")
	guess.do("GET", "/admin/v1/clients", nil).want(429, "rate_limited")
}

func TestKeyCannotMakeAMorePowerfulOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	weak := s.as(s.newKey("api-keys:write", "clients:read"))
	soon := s.now.Add(30 * time.Minute)
	for want, body := range map[string]map[string]any{
		"scopes keys:write is more than":        {"scopes": []string{"keys:write"}, "expires_at": soon},
		"scopes clients:write is more":          {"scopes": []string{"clients:write"}, "expires_at": soon},
		"expires_at is later than":              {"scopes": []string{"clients:read"}, "expires_at": s.now.Add(2 * time.Hour)},
		"expires_at is missing":                 {"scopes": []string{"clients:read"}},
		"scopes is empty":                       {"scopes": []string{}, "expires_at": soon},
		`scopes "root" is not known`:            {"scopes": []string{"root"}, "expires_at": soon},
		"is past":                               {"scopes": []string{"clients:read"}, "expires_at": s.now.Add(-time.Hour)},
		"name must be at most":                  {"scopes": []string{"clients:read"}, "expires_at": soon, "name": "a\nb"},
		"name must be at most 100 printable":    {"scopes": []string{"clients:read"}, "expires_at": soon, "name": "\u009b31mred\u202e"},
		"expiry is not a known member":          {"scopes": []string{"clients:read"}, "expiry": "30d"},
		"scopes has the wrong type: want array": {"scopes": "clients:read", "expires_at": soon},
	} {
		r := weak.do("POST", "/admin/v1/api-keys", body).want(422, "invalid")
		if !strings.Contains(r.text("detail"), want) {
			t.Errorf("want %q in %s", want, r.body)
		}
	}
	weak.do("POST", "/admin/v1/api-keys", map[string]any{"scopes": []string{"clients:read"}, "expires_at": soon}).want(201, "")
}

func TestKeysAreStoredHashedAndShownOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := strings.Split(s.key, "_")[1]
	stored, err := s.store.APIKey(t.Context(), id)
	if err != nil || strings.Contains(encode(t, stored), s.key) || strings.Contains(string(stored.Hash), s.key) || stored.Prefix != "idpk_"+id {
		t.Errorf("%+v, %v", stored, err)
	}
	list := s.do("GET", "/admin/v1/api-keys", nil).want(200, "")
	if strings.Contains(list.body, s.key) || len(list.items()) != 1 || list.items()[0]["last_used_at"] == nil || list.items()[0]["created_by"] != "local" {
		t.Error(list.body)
	}
}

// A key that was made with a stolen one is found by what made it.
func TestKeysAreRecordedWithTheirMaker(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	made := s.do("POST", "/admin/v1/api-keys", map[string]any{"name": "ci", "scopes": []string{"clients:read"}, "expires_at": s.now.Add(time.Minute)}).want(201, "")
	s.do("DELETE", "/admin/v1/api-keys/"+made.text("id"), nil).want(204, "")
	for _, kind := range []string{"api_key.created", "api_key.revoked"} {
		r := s.do("GET", "/admin/v1/audit-events?actor=key:&type="+kind, nil).want(200, "")
		if len(r.items()) != 1 || r.items()[0]["actor"] != "key:"+strings.Split(s.key, "_")[1] || !strings.Contains(r.body, made.text("id")) || strings.Contains(r.body, made.text("key")) {
			t.Errorf("%s: %s", kind, r.body)
		}
	}
}
