package near

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

type fixture struct {
	Name    string `json:"name"`
	Request struct {
		Method string            `json:"method"`
		Params map[string]string `json:"params"`
	} `json:"request"`
	HTTPStatus int             `json:"http_status"`
	Response   json.RawMessage `json:"response"`
	Expect     string          `json:"expect"`
}

func (f *fixture) UnmarshalJSON(data []byte) error {
	type plain fixture
	// "status" has a params array, which no test reads.
	data = []byte(strings.Replace(string(data), `"params": []`, `"params": {}`, 1))
	return json.Unmarshal(data, (*plain)(f))
}

// body is the recorded answer with the id of the actual request in place of the
// recorded request's "1". A different recorded id stays different, whatever the actual one is.
func (f fixture) body(id string) string {
	text := string(f.Response)
	var raw string
	if json.Unmarshal(f.Response, &raw) == nil {
		text = raw
	}
	text = strings.Replace(text, `"id": "2"`, `"id": "`+id+`2"`, 1)
	text = strings.Replace(text, `"id": "1"`, `"id": "`+id+`"`, 1)
	return strings.Replace(text, `"id":"1"`, `"id":"`+id+`"`, 1)
}

func fixtures(t testing.TB) map[string]fixture {
	var file struct {
		AccessKey []fixture `json:"access_key"`
	}
	readVectors(t, "rpc-fixtures.json", &file)
	named := map[string]fixture{}
	for _, f := range file.AccessKey {
		named[f.Name] = f
	}
	return named
}

const fixtureAccount, fixtureKey = AccountID("alice.near"), "ed25519:8wDsxjfqXSJLvD9rFyCDCGc2wNN8r4Fh55sV3t5Y1Yta"

func mustKey(t testing.TB, text string) PublicKey {
	t.Helper()
	key, err := ParsePublicKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// replay serves a recorded answer to each request type and a healthy status.
type replay struct {
	*httptest.Server
	queries atomic.Int32
}

func newReplay(t *testing.T, answers map[string]fixture) *replay {
	server := &replay{}
	server.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var request struct {
			ID     string          `json:"id"`
			Method string          `json:"method"`
			Params json.RawMessage `json:"params"`
		}
		if err := json.Unmarshal(body, &request); err != nil {
			t.Errorf("request is not JSON-RPC: %s", body)
		}
		if request.Method == "status" {
			io.WriteString(w, `{"jsonrpc":"2.0","id":"`+request.ID+`","result":{"chain_id":"mainnet","sync_info":`+
				`{"latest_block_height":172797974,"latest_block_time":"`+time.Now().UTC().Format(time.RFC3339Nano)+`"}}}`)
			return
		}
		server.queries.Add(1)
		var params map[string]string
		if err := json.Unmarshal(request.Params, &params); err != nil {
			t.Errorf("params: %s", request.Params)
		}
		f := answers[params["request_type"]]
		w.WriteHeader(f.HTTPStatus)
		io.WriteString(w, f.body(request.ID))
	}))
	t.Cleanup(server.Close)
	return server
}

func newTestClient(t *testing.T, o Options, urls ...string) *Client {
	t.Helper()
	o.URLs = urls
	if o.Network == "" {
		o.Network = "mainnet"
	}
	if o.RetryDelay == 0 {
		o.RetryDelay = time.Millisecond
	}
	c, err := NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRecordedAnswers(t *testing.T) {
	t.Parallel()
	recorded := fixtures(t)
	for name, f := range recorded {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			switch {
			case f.Request.Method == "status":
				checkRecordedStatus(t, f)
			case f.Request.Params["request_type"] == "view_account":
				checkRecorded(t, f, map[string]fixture{
					"view_access_key": recorded["unknown-access-key-structured"], "view_account": f,
				}, recorded["fak"])
			default:
				checkRecorded(t, f, map[string]fixture{
					"view_access_key": f, "view_account": recorded["view-account"],
				}, recorded["fak"])
			}
		})
	}
}

func checkRecorded(t *testing.T, f fixture, answers map[string]fixture, good fixture) {
	server := newReplay(t, answers)
	key := mustKey(t, fixtureKey)
	check, err := newTestClient(t, Options{}, server.URL).CheckAccessKey(t.Context(), fixtureAccount, key)
	statuses := map[string]KeyStatus{
		"full_access": Authorised, "not_full_access": NotFullAccess, "unknown_key": KeyNotFound,
		"unknown_account": AccountNotFound, "account_exists": KeyNotFound,
	}
	if want, ok := statuses[f.Expect]; ok {
		if err != nil || check.Status != want || check.Exists != (want != AccountNotFound) ||
			check.BlockHeight != 172797974 || check.BlockHash == "" {
			t.Fatalf("check = %+v, %v; want %s", check, err, want)
		}
		return
	}
	// Everything else is no answer to this question: never a login, never a
	// refusal, and the next provider is asked.
	if !errors.Is(err, ErrCannotTell) || check != (KeyCheck{}) {
		t.Fatalf("check = %+v, %v; want ErrCannotTell", check, err)
	}
	if f.Expect == "our_bug" {
		if !strings.Contains(err.Error(), "REQUEST_VALIDATION_ERROR") || server.queries.Load() != 1 {
			t.Errorf("asked %d times: %v", server.queries.Load(), err)
		}
	}
	second := newReplay(t, map[string]fixture{"view_access_key": good})
	check, err = newTestClient(t, Options{}, server.URL, second.URL).CheckAccessKey(t.Context(), fixtureAccount, key)
	if err != nil || check.Status != Authorised {
		t.Errorf("with a second provider: %+v, %v", check, err)
	}
}

func checkRecordedStatus(t *testing.T, f fixture) {
	r, err := parseReply([]byte(f.body("7")), "7")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 8, 19, 9, 18, 48, 123456789, time.UTC)
	for name, try := range map[string]struct {
		network string
		now     time.Time
		ok      bool
	}{
		"fresh":                {"mainnet", at.Add(59 * time.Second), true},
		"stale":                {"mainnet", at.Add(61 * time.Second), false},
		"clock slightly slow":  {"mainnet", at.Add(-30 * time.Second), true},
		"clock hopelessly off": {"mainnet", at.Add(-2 * time.Minute), false},
		"another chain":        {"testnet", at, false},
	} {
		h, err := readStatus(r, try.network, try.now, time.Minute)
		if (err == nil) != try.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (h.height != 172797974 || h.time.After(try.now)) {
			t.Errorf("%s: head = %+v", name, h)
		}
	}
}

// A call_function answer never passes for an answer about a key.
func TestContractAnswersAreNotKeyAnswers(t *testing.T) {
	t.Parallel()
	var file struct {
		CallFunction []fixture `json:"call_function"`
	}
	readVectors(t, "rpc-fixtures.json", &file)
	for _, f := range file.CallFunction {
		t.Run(f.Name, func(t *testing.T) {
			r, err := parseReply([]byte(f.body("1")), "1")
			if err != nil {
				return
			}
			if v, err := viewAccessKey(fixtureAccount, mustKey(t, fixtureKey)).readView(r); err == nil && v.verdict == fullAccess {
				t.Errorf("read as %s", v.verdict)
			}
		})
	}
}

// acct-swapped of nep413-invalid.json: the proof is sound, but the claimed
// account does not hold the key.
func TestAccountSwappedIsRefusedByTheChain(t *testing.T) {
	t.Parallel()
	var file invalidVectors
	readVectors(t, "nep413-invalid.json", &file)
	chain, url := newChain(t)
	chain.AddKey("alice.near", fixtureKey, "\"FullAccess\"")
	chain.AddAccount("mallory.near")
	client := newTestClient(t, Options{}, url)
	for _, v := range file.Reject {
		if !v.NeedsRPC {
			continue
		}
		check, err := client.CheckAccessKey(t.Context(), AccountID(v.Response.AccountID), mustKey(t, v.Response.PublicKey))
		if err != nil || check.Status != KeyNotFound {
			t.Errorf("%s: %+v, %v", v.Name, check, err)
		}
	}
}

func FuzzReadAnswer(f *testing.F) {
	for _, v := range fixtures(f) {
		f.Add(v.body("1"))
	}
	key := mustKey(f, fixtureKey)
	f.Fuzz(func(t *testing.T, body string) {
		r, err := parseReply([]byte(body), "1")
		if err != nil {
			return
		}
		q := viewAccessKey(fixtureAccount, key)
		v, err := q.readView(r)
		if err != nil {
			return
		}
		// The round trip: what was read, written out again by itself, is read
		// the same.
		permission := map[verdict]string{
			fullAccess: `"permission":"FullAccess"`, limitedAccess: `"permission":"Other"`,
			unknownKey: `"error":"access key x does not exist while viewing"`,
		}[v.verdict]
		if v.verdict == unknownAccount {
			return
		}
		if v.verdict == fullAccess && !strings.Contains(body, "ull") {
			t.Fatalf("full access out of %s", body)
		}
		height, err := json.Marshal(v.height)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseReply([]byte(`{"jsonrpc":"2.0","id":"1","result":{"nonce":0,`+permission+
			`,"block_height":`+string(height)+`,"block_hash":"`+v.blockHash+`"}}`), "1")
		if err != nil {
			t.Fatal(err)
		}
		if same, err := q.readView(again); err != nil || same != v {
			t.Fatalf("%+v reads back as %+v, %v", v, same, err)
		}
	})
}

func FuzzReadStatus(f *testing.F) {
	f.Add(fixtures(f)["status"].body("1"))
	now := time.Date(2026, 8, 19, 9, 18, 50, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body string) {
		r, err := parseReply([]byte(body), "1")
		if err != nil {
			return
		}
		h, err := readStatus(r, "mainnet", now, time.Minute)
		if err == nil && (h.time.After(now) || now.Sub(h.time) > time.Minute) {
			t.Fatalf("head at %s accepted at %s", h.time, now)
		}
	})
}
