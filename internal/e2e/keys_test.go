package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/pgtest"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// A refresher is an application that renews its tokens all the time, now at the
// one replica and now at the other.
type refresher struct {
	*testing.T
	clientID string
	replicas [2]*process
	token    string
	access   string
	kids     [2][]string // of ID tokens, by replica, in the order of their first use
}

func newRefresher(t *testing.T, replicas [2]*process, clientID string) *refresher {
	tokens := replicas[0].signIn(clientID, "openid offline_access")
	return &refresher{T: t, clientID: clientID, replicas: replicas, token: tokens["refresh_token"].(string)}
}

// run renews until done is closed.
func (r *refresher) run(done <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		default:
		}
		if err := r.renew(i % 2); err != nil {
			r.Errorf("%s, round %d: %v", r.clientID, i, err)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// renew refreshes at one replica and takes what it gives to the other, as a
// relying party that has just started and fetches the keys.
func (r *refresher) renew(at int) error {
	issuing, checking := r.replicas[at], r.replicas[1-at]
	answer, err := issuing.browser().do("POST", "/token", refresh(r.clientID, r.token).Encode(), "Content-Type", typeForm)
	if err != nil || answer.status != http.StatusOK {
		return fmt.Errorf("token: %d %s %w", answer.status, answer.body, err)
	}
	r.token, r.access = answer.text("refresh_token"), answer.text("access_token")
	ctx := context.Background() // the test's own ends before its goroutines
	keys := oidc.NewRemoteKeySet(ctx, checking.base+"/jwks")
	for _, member := range []string{"id_token", "access_token"} {
		if _, err := keys.VerifySignature(ctx, answer.text(member)); err != nil {
			return fmt.Errorf("%s with kid %s: %w", member, kidOf(answer.text(member)), err)
		}
	}
	info, err := checking.browser().do("GET", "/userinfo", "", "Authorization", "Bearer "+r.access)
	if err != nil || info.status != http.StatusOK {
		return fmt.Errorf("userinfo: %d %s %w", info.status, info.body, err)
	}
	if kid := kidOf(answer.text("id_token")); !slices.Contains(r.kids[at], kid) {
		r.kids[at] = append(r.kids[at], kid)
	}
	return nil
}

func kidOf(token string) string {
	var header struct{ Kid string }
	head, _, _ := strings.Cut(token, ".")
	raw, _ := base64.RawURLEncoding.DecodeString(head)
	_ = json.Unmarshal(raw, &header) // "" for what is no token
	return header.Kid
}

// J07, O01: while applications renew tokens at two replicas, every key changes,
// that of the refresh tokens too. Nobody is refused, nobody restarts.
func TestTwoReplicasFollowARotationWhileTokensAreIssued(t *testing.T) {
	t.Parallel()
	replicas := twoReplicas(t)
	var all []*refresher
	for _, clientID := range []string{"rs256", "es256", "eddsa"} {
		all = append(all, newRefresher(t, replicas, clientID))
	}
	done := make(chan struct{})
	var group sync.WaitGroup
	for _, r := range all {
		group.Go(func() { r.run(done) })
	}
	replicas[0].run("key", "rotate", "--config", replicas[0].config) // published, not used
	for deadline := time.Now().Add(5 * time.Second); len(publishedKeys(replicas[1])) != 6; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("%d keys are published, want three and their successors", len(publishedKeys(replicas[1])))
			break
		}
	}
	replicas[1].run("key", "rotate", "--now", "--config", replicas[1].config) // used
	time.Sleep(time.Second)
	close(done)
	group.Wait()
	if t.Failed() {
		return
	}
	for _, r := range all {
		if len(r.kids[0]) != 2 || !slices.Equal(r.kids[0], r.kids[1]) {
			t.Errorf("%s: the replicas signed with %v and %v, want one key and then another", r.clientID, r.kids[0], r.kids[1])
		}
	}
	all[0].compromised()
}

// compromised deletes the key of the access token: both replicas refuse the
// token and issue others.
func (r *refresher) compromised() {
	kid, p := kidOf(r.access), r.replicas[0]
	p.run("key", "retire", kid, "--compromised", "--config", p.config)
	for _, replica := range r.replicas {
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			status := replica.browser().userInfo(r.access).status
			if status == http.StatusUnauthorized && !slices.Contains(publishedKeys(replica), kid) {
				break
			}
			if time.Now().After(deadline) {
				r.Fatalf("%s still accepts a token of the compromised key: %d", replica.base, status)
			}
		}
	}
	for at := range r.replicas {
		if err := r.renew(at); err != nil {
			r.Error(err)
		}
	}
}

func publishedKeys(p *process) (kids []string) {
	p.Helper()
	var set struct{ Keys []struct{ Kid string } }
	if err := json.Unmarshal([]byte(p.browser().send("GET", "/jwks", "").body), &set); err != nil {
		p.Fatal(err)
	}
	for _, k := range set.Keys {
		kids = append(kids, k.Kid)
	}
	return kids
}

// J04, D02: PS256 is offered when it is switched on, by a key of its own, and
// otherwise neither advertised nor to be had.
func TestPS256IsPerClientAndOnlyWhereItIsSwitchedOn(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.DSN(t))
	s.more = `  - {client_id: ps256, secret: "${CLIENT_SECRET}", first_party: true, redirect_uris: ["` + redirectURI + `"], id_token_signed_response_alg: PS256}
signing: {algs: [RS256, ES256, EdDSA, PS256]}
`
	p := s.serve()
	provider, err := oidc.NewProvider(t.Context(), p.issuer)
	if err != nil {
		t.Fatal(err)
	}
	party := &goParty{t, p, provider, oauth2.Config{
		ClientID: "ps256", ClientSecret: clientSecret, Endpoint: provider.Endpoint(), RedirectURL: redirectURI,
		Scopes: []string{oidc.ScopeOpenID, "profile", oidc.ScopeOfflineAccess},
	}}
	party.signIn("PS256")
	var metadata struct {
		Algs []string `json:"id_token_signing_alg_values_supported"`
	}
	if err := provider.Claims(&metadata); err != nil || !slices.Equal(metadata.Algs, []string{"RS256", "ES256", "EdDSA", "PS256"}) {
		t.Errorf("advertised: %v, %v", metadata.Algs, err)
	}
	if n := len(publishedKeys(p)); n != 4 {
		t.Errorf("%d keys, want one of each algorithm", n)
	}
	off := newSite(t, pgtest.DSN(t)).serve()
	document := off.browser().send("GET", "/.well-known/openid-configuration", "").body
	if err := json.Unmarshal([]byte(document), &metadata); err != nil || slices.Contains(metadata.Algs, "PS256") {
		t.Errorf("advertised where it is off: %v, %v", metadata.Algs, err)
	}
	cmd := off.command(t.Context(), "client", "create", "Ps", "--alg", "PS256", "--redirect-uri", redirectURI, "--config", off.config)
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "not one of signing.algs") {
		t.Errorf("%v: %s", err, out)
	}
}
