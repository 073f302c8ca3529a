package admin_test

import (
	"strings"
	"testing"

	"near-idp/internal/admin"
)

// states are the kids of an algorithm by what they do.
func (s *site) states(alg string) map[string]string {
	s.Helper()
	list := map[string]string{}
	for _, k := range s.do("GET", "/admin/v1/keys", nil).want(200, "").items() {
		if k["alg"] == alg {
			list[k["state"].(string)] = k["kid"].(string)
		}
	}
	return list
}

func TestKeysAreRotatedAndRetired(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.do("POST", "/admin/v1/keys:rotate?dry_run=true", "{}").want(204, "")
	if n := len(s.do("GET", "/admin/v1/keys", nil).items()); n != 0 {
		t.Fatalf("%d keys after a dry run", n)
	}
	made := s.do("POST", "/admin/v1/keys:rotate", `{"alg":"ES256"}`).want(200, "")
	if len(made.items()) != 1 || strings.Contains(made.body, "wrapped") {
		t.Error(made.body)
	}
	before := s.states("ES256")
	if before["active"] == "" || before["next"] == "" || len(s.states("EdDSA")) != 0 {
		t.Fatal(before)
	}
	s.do("POST", "/admin/v1/keys:rotate", `{"alg":"ES256"}`).want(409, "conflict")
	s.do("POST", "/admin/v1/keys:rotate?dry_run=true", `{"alg":"ES256"}`).want(409, "conflict")
	s.do("POST", "/admin/v1/keys:rotate", `{"alg":"none"}`).want(422, "invalid")
	s.do("POST", "/admin/v1/keys:rotate", `{"alg":"ES256","now":true}`).want(200, "")
	now := s.states("ES256")
	if now["active"] != before["next"] || now["retired"] != before["active"] {
		t.Errorf("%v, then %v", before, now)
	}
	retire := func(kid string) string { return "/admin/v1/keys/" + kid + ":retire" }
	s.do("POST", retire(now["retired"]), "{}").want(409, "conflict")
	s.do("POST", retire(now["retired"])+"?dry_run=true", `{}`).want(409, "conflict")
	s.do("POST", retire(now["retired"])+"?dry_run=true", `{"compromised":true}`).want(204, "")
	if r := s.do("POST", retire(now["retired"]), `{"compromised":true}`).want(200, ""); r.text("deleted") != "true" {
		t.Error(r.body)
	}
	s.do("POST", retire(now["retired"]), "{}").want(404, "not_found")
	r := s.do("POST", retire(now["active"]), "{}").want(200, "")
	if after := s.states("ES256"); after["retired"] != now["active"] || after["active"] != r.text("signing.kid") || r.text("key.state") != "retired" {
		t.Errorf("%v %s", after, r.body)
	}
	actor := "key:" + strings.Split(s.key, "_")[1]
	for _, kind := range []string{"key.created", "key.retired", "key.deleted"} {
		list := s.do("GET", "/admin/v1/audit-events?type="+kind, nil).items()
		if len(list) == 0 || list[0]["actor"] != actor {
			t.Errorf("%s: %v", kind, list)
		}
	}
}

// A process with other encryption keys would add keys that no replica can read.
func TestKeysAreNotChangedWithoutTheEncryptionKey(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *admin.Options) { o.Keys.KEKs = nil })
	s.do("POST", "/admin/v1/keys:rotate", "{}").want(409, "conflict")
	s.do("POST", "/admin/v1/keys/x:retire", "{}").want(409, "conflict")
	s.do("GET", "/admin/v1/keys", nil).want(200, "")
}
