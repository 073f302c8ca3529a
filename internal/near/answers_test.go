package near

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"near-idp/internal/neartest"
)

// altered is a recorded answer with one text replaced.
func altered(t *testing.T, f fixture, old, new string) fixture {
	t.Helper()
	if !strings.Contains(string(f.Response), old) {
		t.Fatalf("%s does not contain %s", f.Name, old)
	}
	f.Response = json.RawMessage(strings.ReplaceAll(string(f.Response), old, new))
	return f
}

// The reason for a refusal, and the existence of the account, hold for the
// block of the first answer. An account that another block shows proves nothing.
func TestExistenceOfAnotherBlockIsNotBelieved(t *testing.T) {
	t.Parallel()
	recorded := fixtures(t)
	const hash, other = "7KwKtM54UbF7RkpZ2vcMtVkq8QMvH82AYKk5dZvK5bZR", "4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM4"
	server := newReplay(t, map[string]fixture{
		"view_access_key": recorded["unknown-access-key-structured"],
		"view_account":    altered(t, recorded["view-account-unknown"], hash, other),
	})
	check, err := newTestClient(t, Options{}, server.URL).CheckAccessKey(t.Context(), fixtureAccount, mustKey(t, fixtureKey))
	if err != nil || check.Status != KeyNotFound {
		t.Errorf("check = %+v, %v", check, err)
	}
}

// A key that is certainly absent is refused even if the account cannot be
// looked up, but an account that may be an unfunded one must wait.
func TestKeyAbsentAndAccountUnknowable(t *testing.T) {
	t.Parallel()
	recorded := fixtures(t)
	server := newReplay(t, map[string]fixture{
		"view_access_key": recorded["unknown-access-key-legacy-in-result"], "view_account": recorded["html-502"],
	})
	key := mustKey(t, fixtureKey)
	client := newTestClient(t, Options{AllowUnfundedImplicit: true, BreakerThreshold: 100}, server.URL)
	if check, err := client.CheckAccessKey(t.Context(), fixtureAccount, key); err != nil || check.Status != KeyNotFound {
		t.Errorf("named account: %+v, %v", check, err)
	}
	if check, err := client.CheckAccessKey(t.Context(), key.ImplicitAccountID(), key); !errors.Is(err, ErrCannotTell) {
		t.Errorf("implicit account: %+v, %v", check, err)
	}
}

// A node behind a load balancer may lag far behind the one that gave the status.
func TestAnswerFarBehindTheHeadIsNotBelieved(t *testing.T) {
	t.Parallel()
	recorded := fixtures(t)
	for height, ok := range map[string]bool{"172797954": true, "172797953": false, "0": false, "-1": false, "1.5": false, "18446744073709551616": false} {
		server := newReplay(t, map[string]fixture{"view_access_key": altered(t, recorded["fak"], "172797974", height)})
		check, err := newTestClient(t, Options{}, server.URL).CheckAccessKey(t.Context(), fixtureAccount, mustKey(t, fixtureKey))
		if (err == nil) != ok || ok && check.Status != Authorised || !ok && !errors.Is(err, ErrCannotTell) {
			t.Errorf("height %s: %+v, %v", height, check, err)
		}
	}
}

// Readers that disagree about JSON must not disagree about who signs in.
func TestHostileJSONIsNoAnswer(t *testing.T) {
	t.Parallel()
	const result = `{"nonce":1,"permission":"FullAccess","block_height":5,"block_hash":"7KwKtM54UbF7RkpZ2vcMtVkq8QMvH82AYKk5dZvK5bZR"}`
	q := viewAccessKey(fixtureAccount, mustKey(t, fixtureKey))
	read := func(body string) (view, error) {
		r, err := parseReply([]byte(body), "1")
		if err != nil {
			return view{}, err
		}
		return q.readView(r)
	}
	if v, err := read(`{"jsonrpc":"2.0","id":"1","error":null,"result":` + result + `}`); err != nil || v.verdict != fullAccess {
		t.Fatalf("the plain answer: %+v, %v", v, err)
	}
	for name, body := range map[string]string{
		"trailing text":         `{"jsonrpc":"2.0","id":"1","result":` + result + `}{}`,
		"repeated result":       `{"jsonrpc":"2.0","id":"1","result":{},"result":` + result + `}`,
		"repeated by an escape": `{"jsonrpc":"2.0","id":"1","r\u0065sult":{},"result":` + result + `}`,
		"other case":            `{"jsonrpc":"2.0","id":"1","Result":` + result + `}`,
		"permission other case": `{"jsonrpc":"2.0","id":"1","result":` + strings.Replace(result, "permission", "Permission", 1) + `}`,
		"number as id":          `{"jsonrpc":"2.0","id":1,"result":` + result + `}`,
		"no id":                 `{"jsonrpc":"2.0","result":` + result + `}`,
		"other version":         `{"jsonrpc":"1.0","id":"1","result":` + result + `}`,
		"array":                 `[{"jsonrpc":"2.0","id":"1","result":` + result + `}]`,
		"result as text":        `{"jsonrpc":"2.0","id":"1","result":"FullAccess"}`,
		"height zero":           `{"jsonrpc":"2.0","id":"1","result":` + strings.Replace(result, ":5", ":0", 1) + `}`,
		"height as text":        `{"jsonrpc":"2.0","id":"1","result":` + strings.Replace(result, ":5", `:"5"`, 1) + `}`,
		"hash not base58":       `{"jsonrpc":"2.0","id":"1","result":` + strings.Replace(result, "7KwK", "0000", 1) + `}`,
		"no nonce":              `{"jsonrpc":"2.0","id":"1","result":` + strings.Replace(result, `"nonce":1,`, "", 1) + `}`,
		"deep":                  strings.Repeat(`{"a":`, 20000),
		"nothing":               "",
	} {
		if v, err := read(body); err == nil {
			t.Errorf("%s: read as %+v", name, v)
		}
	}
}

func TestConcurrentChecksShareOneStatusCall(t *testing.T) {
	t.Parallel()
	chain, url := newChain(t)
	client := newTestClient(t, Options{HedgeDelay: 1e10}, url)
	var wait sync.WaitGroup
	for range 20 {
		w := neartest.NewWallet("alice.near")
		chain.AddKey(w.AccountID, w.PublicKey(), neartest.FullAccess)
		wait.Go(func() {
			check, err := client.CheckAccessKey(t.Context(), "alice.near", mustKey(t, w.PublicKey()))
			if err != nil || check.Status != Authorised {
				t.Errorf("check = %+v, %v", check, err)
			}
		})
	}
	wait.Wait()
	if got := chain.RequestsByKind(); got["status"] != 1 || got["view_access_key"] != 20 {
		t.Errorf("requests = %v", got)
	}
}
