package web

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"near-idp/internal/idp"
	"near-idp/internal/login"
	"near-idp/internal/oauth"
	"near-idp/internal/text"
)

// reasons reads every login.Reason out of the package's source.
func reasons(t *testing.T) []login.Reason {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../login/refusal.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []login.Reason
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Reason" {
			for _, v := range spec.Values {
				text, err := strconv.Unquote(v.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, login.Reason(text))
			}
		}
		return true
	})
	if len(list) < 20 {
		t.Fatalf("found only %d reasons", len(list))
	}
	return list
}

func TestEveryReasonHasItsOwnSentence(t *testing.T) {
	t.Parallel()
	all, seen := reasons(t), map[text.Message]login.Reason{}
	for _, reason := range all {
		told, ok := refusals[reason]
		if !ok {
			t.Errorf("%s: not in the table", reason)
			continue
		}
		if told.status < 400 || told.status == 500 || told.heading == "" || told.text == "" {
			t.Errorf("%s: %+v", reason, told)
		}
		if other, twice := seen[told.text]; twice {
			t.Errorf("%s and %s tell the same", reason, other)
		}
		seen[told.text] = reason
	}
	if len(refusals) != len(all) {
		t.Errorf("%d reasons, %d sentences", len(all), len(refusals))
	}
}

// TestRefusalsAreToldOnPageAndInJSON goes through all reasons on both ways in.
func TestRefusalsAreToldOnPageAndInJSON(t *testing.T) {
	t.Parallel()
	for reason, told := range refusals {
		s := newSite(t)
		s.verifyErr = &login.Refusal{Reason: reason, Login: s.login, AccountID: "bob.testnet"}
		w := s.send("POST", "/login/"+testID+"/verify", `{"account_id":"bob.testnet"}`, asJSON, withCookie)
		var body struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
			Retryable   *bool  `json:"retryable"`
			RequestID   string `json:"request_id"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		retry := reason == login.RPCUnavailable
		if w.Code != told.status || body.Error != string(reason) || body.Retryable == nil || *body.Retryable != retry ||
			body.RequestID != w.Header().Get("X-Request-Id") || strings.ContainsAny(body.Description, "{}") {
			t.Errorf("%s: %d %s", reason, w.Code, w.Body)
		}
		if strings.Contains(string(told.text), "{account}") && !strings.Contains(body.Description, "bob.testnet") {
			t.Errorf("%s does not name the account: %s", reason, body.Description)
		}
		if (w.Header().Get("Retry-After") != "") != retry {
			t.Errorf("%s: Retry-After %q", reason, w.Header().Get("Retry-After"))
		}
		page := s.send("POST", "/login/"+testID+"/paste", "output=%7B%22signature%22%3A%22x%22%7D", asForm, withCookie)
		if page.Code != told.status || !strings.Contains(page.Header().Get("Content-Type"), "text/html") {
			t.Errorf("%s by paste: %d", reason, page.Code)
		}
		api := s.send("POST", "/api/auth/verify-login", `{"authToken":"x"}`, asJSON, withCookie)
		want := http.StatusUnauthorized
		if retry {
			want = http.StatusServiceUnavailable
		}
		if api.Code != want || !strings.Contains(api.Body.String(), `"success":false`) || !strings.Contains(api.Body.String(), string(reason)) {
			t.Errorf("%s by verify-login: %d %s", reason, api.Code, api.Body)
		}
	}
}

func TestHostileAccountIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, account := range []string{"<script>", "alice.near\u202etxt", strings.Repeat("a", 65), "a\nb", "ALICE", ""} {
		s := newSite(t)
		s.verifyErr = &login.Refusal{Reason: login.AccountNotFound, AccountID: account}
		w := s.send("POST", "/login/"+testID+"/verify", `{"account_id":"x"}`, asJSON, withCookie)
		if !strings.Contains(w.Body.String(), "That account does not exist on NEAR testnet") {
			t.Errorf("%q: %s", account, w.Body)
		}
	}
}

func TestDatabaseOutageIs503Everywhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.findErr, s.authErr, s.tokenErr, s.infoErr = idp.ErrUnavailable, idp.ErrUnavailable, idp.ErrUnavailable, idp.ErrUnavailable
	for _, tt := range []struct {
		method, path, body string
		edits              []edit
	}{
		{"GET", "/authorize?client_id=app", "", nil},
		{"GET", "/login/" + testID, "", nil},
		{"GET", "/login/" + testID, "", []edit{wantJSON}},
		{"GET", "/continue/" + testID, "", nil},
		{"POST", "/login/" + testID + "/verify", "{}", []edit{asJSON}},
		{"POST", "/login/" + testID + "/paste", "output=x", []edit{asForm}},
		{"POST", "/login/" + testID + "/renew", "", nil},
		{"POST", "/login/" + testID + "/cancel", "", nil},
		{"POST", "/api/auth/initiate-login", "client_id=app", []edit{asForm}},
		{"POST", "/api/auth/verify-login", `{"authToken":"x"}`, []edit{asJSON}},
		{"POST", "/token", "grant_type=x", []edit{asForm}},
		{"GET", "/userinfo", "", []edit{header("Authorization", "Bearer x")}},
	} {
		w := s.send(tt.method, tt.path, tt.body, append(tt.edits, withCookie)...)
		if w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s %s: %d, Retry-After %q: %s", tt.method, tt.path, w.Code, w.Header().Get("Retry-After"), w.Body)
		}
	}
}

func TestProtocolErrorRedirectsOnlyWhereItMay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.authErr = &oauth.Error{Status: 400, Code: "invalid_request", Description: "The redirect_uri is not registered."}
	w := s.send("GET", "/authorize?client_id=app", "")
	if w.Code != 400 || w.Header().Get("Location") != "" || !strings.Contains(w.Body.String(), "The redirect_uri is not registered.") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	s.authErr = &oauth.Error{Status: 303, Code: "login_required", RedirectTo: callback + "?error=login_required"}
	for _, method := range []string{"GET", "POST"} {
		w = s.send(method, "/authorize?client_id=app", "client_id=app", asForm)
		if w.Code != 303 || w.Header().Get("Location") != callback+"?error=login_required" || w.Body.Len() != 0 {
			t.Errorf("%d %v", w.Code, w.Header())
		}
	}
	w = s.send("POST", "/api/auth/initiate-login", `{"client_id":"app"}`, asJSON)
	if w.Code != 400 || w.Header().Get("Location") != "" || !strings.Contains(w.Body.String(), `"error":"login_required"`) {
		t.Errorf("the API redirects: %d %v %s", w.Code, w.Header(), w.Body)
	}
}
