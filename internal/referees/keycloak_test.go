package referees

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"near-idp/internal/trial"

	"github.com/coreos/go-oidc/v3/oidc"
)

// adminGroup is what the preset calls a group at the provider, and a role at Keycloak.
const adminGroup = "keycloak-admin"

// Keycloak brokers sign-ins at this provider to an application of its own, set up
// by what `idp client create --preset keycloak` prints.
func TestKeycloak(t *testing.T) {
	r := call(t, "Keycloak")
	k := newKeycloak(r)
	s := newSite(t, "")
	s.publishKeys()
	apps, plain := k.realm("apps"), k.realm("plain")
	apps.run(s.register("apps", "keycloak", "--url", k.issuer("apps")).paste("a shell with Keycloak's kcadm.sh"))
	plain.load(s.register("plain", "keycloak", "--url", k.issuer("plain"), "--claim-policy", "default").
		paste("a realm file, for kc.sh start --import-realm, instead of the commands"))
	for _, k := range []kind{ordinary, implicit, punctuated} {
		r.try(k, func(t *testing.T) { apps.meets(s.person(t, k)) })
	}
	r.try(noEmail, func(t *testing.T) { plain.asks(s.person(t, noEmail), s.person(t, noEmail)) })
	r.try(rotation, func(t *testing.T) {
		apps.signIn(s.person(t, rotation))
		s.useKeys()
		apps.signIn(s.person(t, rotation))
	})
	r.Run("role", func(t *testing.T) { apps.takesRoleBack(s.person(t, punctuated)) })
	r.Run("taken name", func(t *testing.T) { apps.keepsUser(s.person(t, noEmail)) })
	r.Run("sign-out there", func(t *testing.T) { apps.signOut(s.person(t, ordinary), false) })
	r.Run("sign-out here", func(t *testing.T) { apps.signOutHere(s.person(t, punctuated), s.person(t, punctuated)) })
	r.Run("sign-out there by the browser", func(t *testing.T) {
		apps.backchannel(false)
		// Or the logout token may be there before the browser is back, which then meets an
		// error page of Keycloak.
		s.run("client", "update", "apps", "--backchannel-logout-uri", "")
		apps.signOut(s.person(t, ordinary), true)
	})
}

// meets signs a person in who is new there, and then again: Keycloak makes a user
// of the account without asking anything.
func (m *realm) meets(p *person) {
	p.Helper()
	m.signIn(p)
	u := m.user(p)
	if u.Username != p.wallet.AccountID || u.FirstName != p.wallet.AccountID || u.LastName != "NEAR" ||
		!strings.HasPrefix(u.Email, p.wallet.AccountID+"@") || u.EmailVerified {
		p.Errorf("Keycloak knows %s as %+v", p.wallet.AccountID, u)
	}
	if m.signIn(p.site.person(p.T, p.kind)); m.user(p).ID != u.ID {
		p.Error("the second login made another user")
	}
}

// asks signs a person in who has no email: Keycloak wants the rest of the
// profile, once.
func (m *realm) asks(p, later *person) {
	p.Helper()
	m.keepAttributes()
	at := p.open(m.party.URL)
	action := formAction.FindStringSubmatch(at.body)
	if !strings.HasSuffix(at.Request.URL.Path, "/login-actions/first-broker-login") || action == nil {
		p.Fatalf("no profile page but %s: %s", at.Request.URL, at.body)
	}
	m.arrives(p, p.follow(p.submit(html.UnescapeString(action[1]), url.Values{
		"username": {p.wallet.AccountID}, "email": {"bob@users.example.com"}, "firstName": {"Bob"}, "lastName": {"Builder"},
	})))
	if u := m.user(p); u.LastName != "Builder" || !slices.Equal(u.Attributes["near_account_id"], []string{p.wallet.AccountID}) {
		p.Errorf("Keycloak knows %s as %+v", p.wallet.AccountID, u)
	}
	m.signIn(later)
}

var formAction = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)

// takesRoleBack grants the role to who is not in the group; the next login ends that.
func (m *realm) takesRoleBack(p *person) {
	p.Helper()
	var role any
	m.admin(http.MethodGet, "/"+m.name+"/roles/"+adminGroup, nil, &role)
	m.admin(http.MethodPost, "/"+m.name+"/users/"+m.user(p).ID+"/role-mappings/realm", []any{role}, nil)
	m.signIn(p)
}

// keepsUser signs a person in whose account is the name of a user of Keycloak's own.
func (m *realm) keepsUser(p *person) {
	p.Helper()
	m.admin(http.MethodPost, "/"+m.name+"/users", map[string]any{"username": p.wallet.AccountID, "enabled": true}, nil)
	at := p.open(m.party.URL)
	if !strings.HasSuffix(at.Request.URL.Path, "/login-actions/first-broker-login") || !strings.Contains(at.body, "already exists") {
		p.Errorf("at %s: %s", at.Request.URL, at.body)
	}
	if n := m.sessions(p); n != 0 {
		p.Errorf("%d sessions of a user who is somebody else", n)
	}
}

// signOut signs a person out of the application at Keycloak, which ends the
// session at the provider too: by the browser, or server to server.
func (m *realm) signOut(p *person, byBrowser bool) {
	p.Helper()
	who := m.signIn(p)
	if again := p.open(m.party.URL); p.signed(again) {
		p.Errorf("signed in already, and had to sign: %q", again.trail)
	}
	before := m.sessions(p)
	var endpoints struct {
		Logout string `json:"end_session_endpoint"`
	}
	if err := m.party.provider.Claims(&endpoints); err != nil {
		p.Fatal(err)
	}
	at := p.open(endpoints.Logout + "?" + url.Values{"id_token_hint": {who.IDToken}, "post_logout_redirect_uri": {m.party.URL + "/bye"}}.Encode())
	if at.Request.URL.String() != m.party.URL+"/bye" {
		p.Errorf("signed out to %s: %s", at.Request.URL, at.body)
	}
	if slices.ContainsFunc(at.trail, func(address string) bool { return strings.HasPrefix(address, p.site.issuer+"/logout?") }) != byBrowser {
		p.Errorf("signed out by way of %q", at.trail)
	}
	if after := m.sessions(p); after != before-1 {
		p.Errorf("%d sessions at Keycloak, and then %d", before, after)
	}
	if again := p.open(m.party.URL); !p.signed(again) {
		p.Errorf("signed out, and did not have to sign: %q", again.trail)
	}
}

// backchannel switches between the two ways in which Keycloak signs people out
// of its identity provider: by itself, or by their browser.
func (m *realm) backchannel(on bool) {
	m.Helper()
	instance := "/" + m.name + "/identity-provider/instances/near"
	var provider map[string]any
	m.admin(http.MethodGet, instance, nil, &provider)
	provider["config"].(map[string]any)["backchannelSupported"] = fmt.Sprint(on)
	m.admin(http.MethodPut, instance, provider, nil)
}

// signOutHere signs a person out at the provider, in one browser of two.
func (m *realm) signOutHere(p, elsewhere *person) {
	p.Helper()
	m.signIn(p)
	m.signIn(elsewhere)
	before := m.sessions(p)
	if at := p.submit(p.site.issuer+"/logout", url.Values{"decision": {"logout"}}); at.StatusCode != http.StatusOK {
		p.Fatalf("sign out: %s %s", at.Status, at.body)
	}
	trial.Eventually(p.T, "Keycloak ends one session", 30*time.Second, func() bool { return m.sessions(p) == before-1 })
	if again := p.open(m.party.URL); !p.signed(again) {
		p.Errorf("signed out, and did not have to sign: %q", again.trail)
	}
	if again := elsewhere.open(m.party.URL); elsewhere.signed(again) {
		p.Errorf("the other browser is signed out too: %q", again.trail)
	}
}

// A shopper is who the application sees in Keycloak's tokens.
type shopper struct {
	Username string `json:"preferred_username"`
	Realm    struct {
		Roles []string
	} `json:"realm_access"`
}

// signIn signs a person in to the application without a page of Keycloak in the
// way, and returns the application's tokens.
func (m *realm) signIn(p *person) arrival {
	p.Helper()
	return m.arrives(p, p.open(m.party.URL))
}

func (m *realm) arrives(p *person, at *page) arrival {
	p.Helper()
	var identity, access shopper
	who := m.party.shows(p, at, &identity)
	// Its audience is an API, not the application.
	token, err := m.party.provider.Verifier(&oidc.Config{SkipClientIDCheck: true}).Verify(p.Context(), who.Access)
	if err == nil {
		err = token.Claims(&access)
	}
	isAdmin := slices.Contains(p.groups(), adminGroup)
	if err != nil || identity.Username != p.wallet.AccountID || access.Username != identity.Username || slices.Contains(access.Realm.Roles, adminGroup) != isAdmin {
		p.Errorf("%s is %+v with the access token of %+v, %v", p.wallet.AccountID, identity, access, err)
	}
	return who
}
