package postgres_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"near-idp/internal/idp"
)

// A signed is a finished sign-in, as the store is told of it.
func (l *logouts) signed(id, account string) *idp.Session {
	l.Helper()
	challenge := &idp.Login{ID: id, Message: "Sign in. Request " + id, Nonce: [32]byte(hashOf(id)), Recipient: "id.example.com",
		CallbackURL: "https://id.example.com/login/" + id + "/cb", CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Minute)}
	must(l.T, l.CreateLogin(l.Context(), challenge))
	proof := idp.Proof{AccountID: account, PublicKey: "ed25519:k", CallbackBound: true, Wallet: "meteor"}
	copy(proof.Signature[:], strings.Repeat(id, 64))
	session := &idp.Session{Hash: hashOf("session " + id), IdleExpires: time.Now().Add(time.Hour), ExpiresAt: time.Now().Add(time.Hour),
		Identity: idp.Identity{AccountID: account, Network: "testnet", PublicKey: "ed25519:k", AuthTime: time.Now(), SID: "S" + id}}
	_, err := l.FinishLogin(l.Context(), challenge, proof, session, nil, nil)
	must(l.T, err)
	return session
}

func (l *logouts) proof(session *idp.Session) *idp.SignedLogin {
	l.Helper()
	who := session.Identity
	_, proof, err := l.Owner(l.Context(), who.Network, who.AccountID, who.Subject)
	must(l.T, err)
	return proof
}

// The proof of a sign-in is there before and after its login is swept, is replaced by that of
// the next, and is not the next owner's of the name.
func TestProofIsOfTheLastSignIn(t *testing.T) {
	l := newLogouts(t)
	first := l.signed("L1", "alice.testnet")
	before := l.proof(first)
	if before == nil || before.Message != "Sign in. Request L1" || !bytes.Equal(before.Nonce, hashOf("L1")) || before.CallbackURL != "https://id.example.com/login/L1/cb" ||
		string(before.Signature) != strings.Repeat("L1", 32) || before.PublicKey != "ed25519:k" || before.Wallet != "meteor" || before.SignedAt.IsZero() {
		t.Fatalf("proof %+v", before)
	}
	expire := func(id string) {
		l.exec(`UPDATE logins SET expires_at = now() - interval '2 hours' WHERE id = $1`, id)
		_, err := l.Sweep(t.Context())
		must(t, err)
		if left := l.list(`SELECT id FROM logins WHERE id = $1`, id); left != "" {
			t.Fatalf("login %s was not swept", left)
		}
	}
	expire("L1")
	if after := l.proof(first); fmt.Sprint(*after) != fmt.Sprint(*before) {
		t.Errorf("swept: %+v, before %+v", after, before)
	}
	l.signed("L2", "alice.testnet")
	last := l.signed("L3", "alice.testnet")
	expire("L2") // is not the last one, and does not take its place
	if got := l.proof(last); got.Message != "Sign in. Request L3" {
		t.Errorf("proof %+v", got)
	}
	expire("L3")
	must(t, l.CloseSubject(t.Context(), "testnet", "alice.testnet"))
	if _, _, err := l.Owner(t.Context(), "testnet", "alice.testnet", "alice.testnet"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("the former owner still is: %v", err)
	}
	next := l.signed("L4", "alice.testnet")
	if next.Identity.Subject != "alice.testnet#2" || l.proof(next).Message != "Sign in. Request L4" {
		t.Errorf("the next owner, %s, has %+v", next.Identity.Subject, l.proof(next))
	}
}

// Y01: what happened to a former owner of a name, and what was refused in their time, is not told the next one.
func TestEventsFollowTheSubject(t *testing.T) {
	l := newLogouts(t)
	refused := func(request string) {
		must(t, l.AppendEvents(t.Context(), []idp.Event{{Type: "login.refused", Outcome: idp.OutcomeRefused, Reason: "bad_signature", AccountID: "alice.testnet", RequestID: request}}))
	}
	owned := func(subject string) (told []string) {
		owner, _, err := l.Owner(t.Context(), "testnet", "alice.testnet", subject)
		must(t, err)
		list, err := l.OwnEvents(t.Context(), "alice.testnet", owner, []string{"login.succeeded"}, 0, 10, 100)
		must(t, err)
		for _, e := range list {
			told = append(told, e.Type+e.RequestID+e.SID)
		}
		return told
	}
	refused("before")
	l.signed("L1", "alice.testnet")
	refused("first")
	l.exec(`INSERT INTO audit_events (type, account_id, subject, client_id) VALUES ('token.issued', 'alice.testnet', 'alice.testnet', 'told')`)
	if got := fmt.Sprint(owned("alice.testnet")); got != "[login.refusedfirst login.succeededSL1]" {
		t.Errorf("the first owner is told of %s", got)
	}
	must(t, l.CloseSubject(t.Context(), "testnet", "alice.testnet"))
	refused("between")
	l.signed("L2", "alice.testnet")
	refused("second")
	if got := fmt.Sprint(owned("alice.testnet#2")); got != "[login.refusedsecond login.succeededSL2]" {
		t.Errorf("the second owner is told of %s", got)
	}
}

// S08: signing out everywhere ends all of a subject's sessions and grants, those that outlive
// sessions included, has their clients told, and nothing of anybody else.
func TestEndSessionsOfSubjectEndsAllOfItAndNothingElse(t *testing.T) {
	l := newLogouts(t)
	l.session("S1", "alice.testnet")
	l.session("S2", "alice.testnet")
	l.session("S3", "bob.testnet")
	l.grant("G1", "told", "S1", "alice.testnet", "openid")
	l.grant("G2", "also", "S2", "alice.testnet", offline)
	l.grant("G3", "told", "swept", "alice.testnet", offline)
	l.grant("G4", "told", "S3", "bob.testnet", offline)
	l.session("S4", "alice.testnet")
	l.exec(`UPDATE sessions SET subject = 'alice.testnet#2' WHERE sid = 'S4'`)
	ended, err := l.EndSessionsOfSubject(t.Context(), "testnet", "alice.testnet")
	if err != nil || ended != 2 {
		t.Errorf("ended %d: %v", ended, err)
	}
	if live := l.list(`SELECT sid FROM sessions WHERE ended_at IS NULL UNION ALL SELECT id FROM grants WHERE revoked_at IS NULL`); live != "G4 S3 S4" {
		t.Errorf("left: %s", live)
	}
	if told := l.list(`SELECT client_id || ':' || sid FROM logout_outbox`); told != "also:S2 told:S1 told:swept" {
		t.Errorf("told: %s", told)
	}
	if ended, err := l.EndSessionsOfSubject(t.Context(), "testnet", "alice.testnet"); err != nil || ended != 0 {
		t.Errorf("the second time: %d, %v", ended, err)
	}
}
