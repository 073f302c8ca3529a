package e2e

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/pgtest"
)

// Many sign-ins at once share the few connections of a pooler, each statement on another
// one, and both replicas hear of what changes.
func TestSignInsThroughAPoolerInTransactionMode(t *testing.T) {
	t.Parallel()
	server := pgtest.Dedicated(t)
	s := newSite(t, pgtest.Pooler(t, server))
	s.direct = server.DSN()
	replicas := [2]*process{s.serve(), s.serve()}
	const people, each = 8, 6
	var group sync.WaitGroup
	for i := range people {
		group.Go(func() {
			for range each {
				q := newRequest("es256", "openid offline_access")
				b := replicas[i%2].browser()
				tokens := b.postForm("/token", q.redeem(b.visit("/authorize?"+q.form().Encode()).Query().Get("code")))
				again := b.at(replicas[1-i%2]).postForm("/token", refresh("es256", tokens.text("refresh_token")))
				if info := b.userInfo(again.text("access_token")); tokens.status != http.StatusOK || again.status != http.StatusOK || info.status != http.StatusOK {
					t.Errorf("token %d, refresh %d, userinfo %d: %s %s", tokens.status, again.status, info.status, tokens.body, again.body)
				}
			}
		})
	}
	group.Wait()
	if n := count(t, server.DSN(), "SELECT count(*) FROM grants WHERE generation = 1"); n != people*each {
		t.Errorf("%d grants", n)
	}
	s.run("client", "create", "--config", replicas[0].config, "--local", "--id", "made", "--redirect-uri", redirectURI, "--first-party")
	q := newRequest("made", "openid")
	known := func(b *browser) bool {
		return b.send("GET", "/authorize?"+q.form().Encode(), "").status == http.StatusSeeOther
	}
	for _, replica := range replicas {
		eventually(t, "the new client is known", 5*time.Second, func() bool { return known(replica.browser()) })
	}
	s.run("client", "disable", "--config", replicas[0].config, "--local", "made")
	for _, replica := range replicas {
		eventually(t, "the disabled client is refused", 5*time.Second, func() bool { return !known(replica.browser()) })
		if strings.Contains(replica.Written.String(), "do not arrive") {
			t.Error("notifications do not come by database.direct_url")
		}
	}
}
