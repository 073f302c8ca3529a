package logout_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/keyring"
	"near-idp/internal/logout"
	"near-idp/internal/outbound"
)

// L04: the logout token is what Back-Channel Logout section 2.4 says.
func TestLogoutToken(t *testing.T) {
	e := setup(t)
	p := newParty(t, nil)
	e.client("es", idp.ES256, p)
	e.client("ed", idp.EdDSA, p)
	e.fill("es", "S1")
	e.fill("ed", "S2")
	e.run(here)
	e.eventually("both are delivered", e.empty)
	seen := map[any]bool{}
	for _, token := range p.heard() {
		payload, err := e.ring.Verify(token, keyring.TypeLogoutToken)
		must(t, err)
		if _, err := e.ring.Verify(token, keyring.TypeJWT); err == nil {
			t.Error("a logout token passes for an ID token")
		}
		var claims map[string]any
		must(t, json.Unmarshal(payload, &claims))
		iat, exp := claims["iat"].(float64), claims["exp"].(float64)
		events, _ := claims["events"].(map[string]any)
		event, found := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
		sid := map[any]string{"es": "S1", "ed": "S2"}[claims["aud"]]
		if claims["iss"] != issuer || claims["sub"] != "alice.near" || claims["sid"] != sid || claims["nonce"] != nil || claims["jti"] == "" || seen[claims["jti"]] ||
			!found || len(event) != 0 || len(events) != 1 || exp-iat > 120 || exp <= iat || time.Since(time.Unix(int64(iat), 0)) > time.Minute {
			t.Errorf("%s", payload)
		}
		seen[claims["jti"]] = true
	}
	if len(seen) != 2 {
		t.Errorf("%d tokens", len(seen))
	}
}

// L05: a client that is down hears of it when it is back, with a token of that time.
func TestDeliveryIsTriedAgain(t *testing.T) {
	e := setup(t)
	p := newParty(t, func(w http.ResponseWriter, _ *http.Request, attempt int) {
		if attempt < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	e.client("rp", idp.ES256, p)
	e.fill("rp", "S1")
	e.run(here)
	e.eventually("it is delivered", e.empty)
	heard := p.heard()
	if len(heard) != 3 || heard[0] == heard[2] || !strings.Contains(e.log.String(), "delivered") {
		t.Errorf("%d attempts\n%s", len(heard), e.log.String())
	}
}

// L05: attempts are bounded; no redirect is followed; an answer costs little; and
// whatever one client does, others are told.
func TestDeliveryGivesUp(t *testing.T) {
	e := setup(t)
	var followed atomic.Int32
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	t.Cleanup(canary.Close)
	bad := map[string]*party{
		"redirects": newParty(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			http.Redirect(w, r, canary.URL, http.StatusTemporaryRedirect)
		}),
		"refuses": newParty(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusBadRequest) }),
		"fails":   newParty(t, func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusInternalServerError) }),
		"hangs":   newParty(t, func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }),
		"breaks":  newParty(t, func(http.ResponseWriter, *http.Request, int) { panic(http.ErrAbortHandler) }),
	}
	for id, p := range bad {
		e.client(id, idp.ES256, p)
		e.fill(id, "S1")
	}
	good := newParty(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		for range 100 { // more than is read
			if _, err := io.WriteString(w, strings.Repeat("x", 4096)); err != nil {
				return
			}
		}
	})
	e.client("good", idp.ES256, good)
	e.fill("good", "S1", "S2")
	e.run(here)
	e.eventually("each is given up or delivered", e.empty)
	for id, p := range bad {
		if n := len(p.heard()); n != 4 {
			t.Errorf("%s: %d attempts", id, n)
		}
	}
	if len(good.heard()) != 2 || followed.Load() != 0 {
		t.Errorf("the good one heard %d, the canary %d", len(good.heard()), followed.Load())
	}
	e.checkUndelivered(len(bad))
	if log := e.log.String(); strings.Count(log, "given up") != len(bad) || strings.Contains(log, "eyJ") || strings.Contains(log, "/bcl") {
		t.Error(log)
	}
}

// checkUndelivered demands of so many clients the first failure and the last, without the address or the token.
func (e *env) checkUndelivered(clients int) {
	e.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	told := map[string]int{}
	for _, event := range e.events {
		last := told[event.ClientID] == 1
		told[event.ClientID]++
		cause := fmt.Sprint(event.Details["cause"])
		if event.Type != "logout.undelivered" || event.Outcome != idp.OutcomeFailed || event.SID != "S1" || event.Details["given_up"] != last ||
			cause == "" || strings.Contains(cause, "eyJ") || strings.Contains(cause, "/bcl") {
			e.Errorf("taken down: %+v", event)
		}
	}
	if len(told) != clients || len(e.events) != 2*clients {
		e.Errorf("taken down of %v", told)
	}
}

// L05: a client cannot have the provider knock on its own machine's doors.
func TestCanaryOnLoopbackIsNeverTold(t *testing.T) {
	e := setup(t)
	canary := newParty(t, nil)
	e.client("rp", idp.ES256, canary)
	e.fill("rp", "S1")
	e.run(outbound.Policy{})
	e.eventually("it is given up", e.empty)
	if len(canary.heard()) != 0 || !strings.Contains(e.log.String(), "outbound.allow_private") {
		t.Errorf("heard %d times\n%s", len(canary.heard()), e.log.String())
	}
}

// L05: of two replicas one tells a client, and a wake-up is all that it takes.
func TestReplicasDeliverOnce(t *testing.T) {
	e := setup(t)
	p := newParty(t, nil)
	e.client("rp", idp.ES256, p)
	couriers := []*logout.Courier{e.run(here), e.run(here)}
	var sids []string
	for i := range 100 {
		sids = append(sids, fmt.Sprint("S", i))
	}
	e.fill("rp", sids...)
	for _, c := range couriers {
		c.Wake()
		c.Wake()
	}
	e.eventually("all are delivered", e.empty)
	seen := map[string]bool{}
	for _, token := range p.heard() {
		payload, err := e.ring.Verify(token, keyring.TypeLogoutToken)
		must(t, err)
		var claims struct{ SID string }
		must(t, json.Unmarshal(payload, &claims))
		seen[claims.SID] = true
	}
	if len(seen) != 100 || len(p.heard()) != 100 {
		t.Errorf("%d sessions in %d tokens", len(seen), len(p.heard()))
	}
}

// A client that was removed, disabled or changed its mind is not told.
func TestClientThatIsGoneIsForgotten(t *testing.T) {
	e := setup(t)
	p := newParty(t, nil)
	e.client("off", idp.ES256, p)
	off, err := e.store.Client(t.Context(), "off")
	must(t, err)
	off.Disabled = true
	must(t, e.store.UpdateClient(t.Context(), off))
	e.fill("off", "S1")
	e.fill("gone", "S1")
	e.run(here)
	e.eventually("they are forgotten", e.empty)
	if len(p.heard()) != 0 {
		t.Error("told all the same")
	}
}
