package referees

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/oauth2"
)

// A realm has this provider as its identity provider, and an application that
// signs people in at Keycloak.
type realm struct {
	*keycloak
	name  string
	party *goParty
}

// realm makes one with an application, which skips Keycloak's own login page.
func (k *keycloak) realm(name string) *realm {
	k.Helper()
	m := &realm{k, name, newGoParty(k)}
	k.admin(http.MethodPost, "", map[string]any{"realm": name, "enabled": true}, nil)
	k.admin(http.MethodPost, "/"+name+"/clients", map[string]any{
		"clientId": "shop", "publicClient": true, "redirectUris": []string{m.party.URL + "/callback"},
		"attributes": map[string]string{"post.logout.redirect.uris": m.party.URL + "/bye"},
	}, nil)
	m.party.discover(k, k.issuer(name), "shop", "")
	m.party.extra = []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("kc_idp_hint", "near")}
	return m
}

// run pastes commands into a shell of the server's administrator.
func (m *realm) run(commands string) {
	m.Helper()
	cmd := exec.CommandContext(m.Context(), "sh", "-eu", "-c", commands)
	cmd.Env = append(cmd.Environ(), "PATH="+filepath.Join(m.home, "bin")+":"+os.Getenv("PATH"), "KC_CLI_PASSWORD="+keycloakPassword, "KC_OPTS=-Duser.home="+m.TempDir()+" "+quickJava)
	if out, err := cmd.CombinedOutput(); err != nil {
		m.Fatalf("%v: %s\n%s", err, out, commands)
	}
}

// load imports a file in part, as the admin console does.
func (m *realm) load(file string) {
	m.Helper()
	var content map[string]any
	if err := json.Unmarshal([]byte(file), &content); err != nil {
		m.Fatal(err)
	}
	m.admin(http.MethodPost, "/"+m.name+"/partialImport", content, nil)
}

// A keycloakUser is what Keycloak knows of an account.
type keycloakUser struct {
	ID            string              `json:"id"`
	Username      string              `json:"username"`
	Email         string              `json:"email"`
	EmailVerified bool                `json:"emailVerified"`
	FirstName     string              `json:"firstName"`
	LastName      string              `json:"lastName"`
	Attributes    map[string][]string `json:"attributes"`
}

// user is the one whose name is the person's account.
func (m *realm) user(p *person) keycloakUser {
	p.Helper()
	var found []keycloakUser
	m.admin(http.MethodGet, "/"+m.name+"/users?"+url.Values{"username": {p.wallet.AccountID}, "exact": {"true"}}.Encode(), nil, &found)
	if len(found) != 1 {
		p.Fatalf("%d users are called %s", len(found), p.wallet.AccountID)
	}
	return found[0]
}

// sessions counts those of that user.
func (m *realm) sessions(p *person) int {
	p.Helper()
	var found []any
	m.admin(http.MethodGet, "/"+m.name+"/users/"+m.user(p).ID+"/sessions", nil, &found)
	return len(found)
}

// keepAttributes has the realm keep attributes that its profile does not list.
func (m *realm) keepAttributes() {
	m.Helper()
	var profile map[string]any
	m.admin(http.MethodGet, "/"+m.name+"/users/profile", nil, &profile)
	profile["unmanagedAttributePolicy"] = "ENABLED"
	m.admin(http.MethodPut, "/"+m.name+"/users/profile", profile, nil)
}
