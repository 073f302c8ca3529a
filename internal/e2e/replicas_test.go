package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/neartest"
	"near-idp/internal/pgtest"

	"github.com/jackc/pgx/v5"
)

const parallel = 100

// storm calls do for 0 to parallel-1 at once and returns the replies by status.
func storm(t testing.TB, do func(i int) (reply, error)) map[int][]reply {
	t.Helper()
	var (
		mu    sync.Mutex
		got   = map[int][]reply{}
		group sync.WaitGroup
		start = make(chan struct{})
	)
	for i := range parallel {
		group.Go(func() {
			<-start
			r, err := do(i)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("request %d: %v", i, err)
			}
			got[r.status] = append(got[r.status], r)
		})
	}
	close(start)
	group.Wait()
	return got
}

func count(t testing.TB, dsn, query string, args ...any) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// twoReplicas are two processes over one database.
func twoReplicas(t *testing.T) [2]*process {
	s := newSite(t, pgtest.DSN(t))
	return [2]*process{s.serve(), s.serve()}
}

func TestParallelVerificationsYieldOneSessionAndOneCode(t *testing.T) {
	t.Parallel()
	replicas := twoReplicas(t)
	q := newRequest("rs256", "openid")
	b := replicas[0].browser()
	c := b.authorize("/authorize?" + q.form().Encode())
	body := encode(t, b.answer(c))
	got := storm(t, func(i int) (reply, error) {
		return b.at(replicas[i%2]).do("POST", c.path()+"/verify", body, "Content-Type", typeJSON)
	})
	if len(got[http.StatusOK]) != parallel {
		t.Fatalf("replies %v", statuses(got))
	}
	places, sessions := map[string]bool{}, 0
	for _, r := range got[http.StatusOK] {
		places[r.text("redirect_to")] = true
		sessions += strings.Count(strings.Join(r.header.Values("Set-Cookie"), "\n"), "idp_session=")
	}
	if len(places) != 1 || sessions != 1 {
		t.Errorf("%d places to go, %d session cookies: %v", len(places), sessions, places)
	}
	if n := count(t, b.dsn, "SELECT count(*) FROM sessions"); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

func TestTwoAccountsRacingForOneLoginYieldOneSession(t *testing.T) {
	t.Parallel()
	replicas := twoReplicas(t)
	b := replicas[0].browser()
	mallory := neartest.NewWallet("mallory.testnet")
	b.chain.AddKey(mallory.AccountID, mallory.PublicKey(), neartest.FullAccess)
	c := b.authorize("/authorize?" + newRequest("rs256", "openid").form().Encode())
	other := b.answer(c)
	other["account_id"], other["public_key"] = mallory.AccountID, mallory.PublicKey()
	other["signature"] = mallory.Sign(c.Message, c.NonceBytes, c.Recipient, nil)
	bodies := [2]string{encode(t, b.answer(c)), encode(t, other)}
	got := storm(t, func(i int) (reply, error) {
		return b.at(replicas[i%2]).do("POST", c.path()+"/verify", bodies[i/2%2], "Content-Type", typeJSON)
	})
	if len(got[http.StatusOK]) != parallel/2 || len(got[http.StatusConflict]) != parallel/2 {
		t.Errorf("replies %v", statuses(got))
	}
	for _, r := range got[http.StatusConflict] {
		if r.text("error") != "different_proof" {
			t.Errorf("refused with %s", r.body)
		}
	}
	if n := count(t, b.dsn, "SELECT count(*) FROM sessions"); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// T01 and T02 of security-checks.md.
func TestParallelRedemptionsOfOneCodeYieldOneSuccess(t *testing.T) {
	t.Parallel()
	replicas := twoReplicas(t)
	for range 3 {
		q := newRequest("rs256", "openid offline_access")
		b := replicas[0].browser()
		form := q.redeem(b.visit("/authorize?" + q.form().Encode()).Query().Get("code")).Encode()
		got := storm(t, func(i int) (reply, error) {
			return b.at(replicas[i%2]).do("POST", "/token", form, "Content-Type", typeForm)
		})
		if len(got[http.StatusOK]) != 1 || len(got[http.StatusBadRequest]) != parallel-1 {
			t.Fatalf("replies %v", statuses(got))
		}
		for _, r := range got[http.StatusBadRequest] {
			if r.text("error") != "invalid_grant" {
				t.Errorf("refused with %s", r.body)
			}
		}
		// A code that was sent twice may have been stolen: what came of it is dead.
		tokens := got[http.StatusOK][0]
		for i, replica := range replicas {
			if info := b.at(replica).userInfo(tokens.text("access_token")); info.status != http.StatusUnauthorized {
				t.Errorf("replica %d: userinfo of a reused code: %d", i, info.status)
			}
			if again := b.at(replica).postForm("/token", refresh("rs256", tokens.text("refresh_token"))); again.text("error") != "invalid_grant" {
				t.Errorf("replica %d: refresh of a reused code: %d %s", i, again.status, again.body)
			}
		}
	}
}

// RT02 of security-checks.md: within the grace period all are told the same.
func TestParallelRefreshesYieldOneSuccessor(t *testing.T) {
	t.Parallel()
	replicas := twoReplicas(t)
	tokens := replicas[0].signIn("rs256", "openid offline_access")
	form := refresh("rs256", tokens["refresh_token"]).Encode()
	b := replicas[0].browser()
	got := storm(t, func(i int) (reply, error) {
		return b.at(replicas[i%2]).do("POST", "/token", form, "Content-Type", typeForm)
	})
	successors := map[string]bool{}
	for _, r := range got[http.StatusOK] {
		successors[r.text("refresh_token")] = true
	}
	if len(got[http.StatusOK]) != parallel || len(successors) != 1 {
		t.Errorf("replies %v, %d successors", statuses(got), len(successors))
	}
	if n := count(t, b.dsn, "SELECT generation FROM grants"); n != 1 {
		t.Errorf("generation %d", n)
	}
}

func statuses(got map[int][]reply) map[int]int {
	n := map[int]int{}
	for status, replies := range got {
		n[status] = len(replies)
	}
	return n
}

// O01 of security-checks.md.
func TestLoginGoesOnAtAnotherReplica(t *testing.T) {
	t.Parallel()
	replicas := twoReplicas(t)
	q := newRequest("es256", "openid offline_access")
	a := replicas[0].browser()
	b := a.at(replicas[1])
	code := b.approve(a.authorize("/authorize?" + q.form().Encode())).Query().Get("code")
	tokens := a.postForm("/token", q.redeem(code))
	if info := b.userInfo(tokens.text("access_token")); tokens.status != http.StatusOK || info.status != http.StatusOK {
		t.Fatalf("token on A %d %s, userinfo on B %d", tokens.status, tokens.body, info.status)
	}
	if r := b.postForm("/token", refresh("es256", tokens.text("refresh_token"))); r.status != http.StatusOK {
		t.Errorf("refresh on B: %d %s", r.status, r.body)
	}
	if one, two := a.send("GET", "/jwks", ""), b.send("GET", "/jwks", ""); one.body != two.body {
		t.Errorf("the replicas publish different keys:\n%s\n%s", one.body, two.body)
	}
	// A rolling restart takes nobody's login away.
	a = replicas[0].browser()
	c := a.authorize("/authorize?" + q.form().Encode())
	replicas[0].Stop()
	if a.at(replicas[1]).approve(c).Query().Get("state") != q.state {
		t.Error("the state is lost")
	}
}

func TestClientsOfTheCommandLineReachEveryReplica(t *testing.T) {
	t.Parallel()
	replicas := twoReplicas(t)
	s := replicas[0].site
	var made struct {
		Secret string `json:"client_secret"`
	}
	out := s.run("client", "create", "--config", replicas[0].config, "--id", "made", "--redirect-uri", redirectURI, "--first-party", "-o", "json")
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.Secret == "" {
		t.Fatalf("client create: %v\n%s", err, out)
	}
	q := newRequest("made", "openid offline_access")
	both := func(what string, holds func(b *browser) bool) {
		t.Helper()
		deadline := time.Now().Add(time.Second)
		for i, replica := range replicas {
			for b := replica.browser(); !holds(b); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("replica %d, a second later: %s", i, what)
				}
			}
		}
	}
	answers := func(status int) func(b *browser) bool {
		return func(b *browser) bool { return b.send("GET", "/authorize?"+q.form().Encode(), "").status == status }
	}
	both("the new client is unknown", answers(http.StatusSeeOther))
	b := replicas[1].browser()
	form := q.redeem(b.visit("/authorize?" + q.form().Encode()).Query().Get("code"))
	form.Set("client_secret", made.Secret)
	tokens := b.postForm("/token", form)
	if tokens.status != http.StatusOK {
		t.Fatalf("token: %d %s", tokens.status, tokens.body)
	}

	s.run("client", "delete", "--config", replicas[0].config, "made", "--yes")
	both("the deleted client goes on", answers(http.StatusBadRequest))
	both("its access token goes on", func(b *browser) bool {
		return b.userInfo(tokens.text("access_token")).status == http.StatusUnauthorized
	})
	again := refresh("made", tokens.text("refresh_token"))
	again.Set("client_secret", made.Secret)
	both("its refresh token goes on", func(b *browser) bool {
		return b.postForm("/token", again).text("error") == "invalid_client"
	})
}
