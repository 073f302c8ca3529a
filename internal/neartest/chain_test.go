package neartest

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

type answered struct {
	code int
	body map[string]any
}

func ask(t *testing.T, c *Chain, body string) answered {
	t.Helper()
	recorder := httptest.NewRecorder()
	c.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
	a := answered{code: recorder.Code}
	if err := json.Unmarshal(recorder.Body.Bytes(), &a.body); err != nil {
		t.Fatalf("%s: %v", recorder.Body, err)
	}
	return a
}

// shape is a JSON value with its names and kinds but without its values.
func shape(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, value := range v {
			out[name] = shape(value)
		}
		return out
	case nil:
		return nil
	default:
		return reflect.TypeOf(v).String()
	}
}

func TestAnswersHaveTheRecordedShapes(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../near/testdata/rpc-fixtures.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		AccessKey []struct {
			Name     string          `json:"name"`
			Request  json.RawMessage `json:"request"`
			Response any             `json:"response"`
		} `json:"access_key"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	const key = "ed25519:8wDsxjfqXSJLvD9rFyCDCGc2wNN8r4Fh55sV3t5Y1Yta"
	function := NewChain("mainnet")
	function.AddKey("alice.near", key, FunctionCall("app.near", "vote"))
	full := NewChain("mainnet")
	full.AddKey("alice.near", key, FullAccess)
	gas := NewChain("mainnet")
	gas.AddKey("alice.near", key, GasKeyFullAccess)
	gasFunction := NewChain("mainnet")
	gasFunction.AddKey("alice.near", key, GasKeyFunctionCall("app.near"))
	chains := map[string]*Chain{
		"fak": full, "fck-null-allowance": function, "gas-key-full-access": gas, "gas-key-function-call": gasFunction,
		"view-account": full, "view-account-unknown": NewChain("mainnet"),
		"unknown-access-key-legacy-in-result": NewChain("mainnet"), "status": full,
	}
	for _, f := range file.AccessKey {
		chain := chains[f.Name]
		if chain == nil {
			continue
		}
		delete(chains, f.Name)
		if got := ask(t, chain, string(f.Request)); got.code != http.StatusOK || !sameShape(got.body, f.Response) {
			t.Errorf("%s:\n got %v\nwant %v", f.Name, shape(got.body), shape(f.Response))
		}
	}
	if len(chains) > 0 {
		t.Errorf("not among the recordings: %v", slices.Collect(maps.Keys(chains)))
	}
}

// sameShape allows the recording members that the chain leaves out only where
// the recording says it is abridged, the state root of status.
func sameShape(got, want any) bool {
	text, _ := json.Marshal(shape(want))
	text = bytes.ReplaceAll(text, []byte(`"latest_state_root":"string",`), nil)
	mine, _ := json.Marshal(shape(got))
	return bytes.Equal(text, mine)
}

func TestBlocksAdvanceAndCanBePinned(t *testing.T) {
	t.Parallel()
	c := NewChain("testnet")
	now := time.Date(2026, 8, 19, 9, 18, 48, 0, time.UTC)
	c.SetClock(func() time.Time { return now })
	c.AddAccount("alice.near")
	first := ask(t, c, `{"id":"1","method":"query","params":{"request_type":"view_account","finality":"final","account_id":"alice.near"}}`)
	result := first.body["result"].(map[string]any)
	now = now.Add(5 * time.Second)
	pinned := `{"id":"2","method":"query","params":{"request_type":"view_account","block_id":"` + result["block_hash"].(string) + `","account_id":"alice.near"}}`
	second := ask(t, c, pinned).body["result"].(map[string]any)
	if second["block_height"] != result["block_height"] || second["block_hash"] != result["block_hash"] {
		t.Errorf("pinned answer %v, first %v", second, result)
	}
	third := ask(t, c, `{"id":"3","method":"query","params":{"request_type":"view_account","finality":"final","account_id":"alice.near"}}`)
	if got := third.body["result"].(map[string]any)["block_height"].(float64) - result["block_height"].(float64); got != 5 {
		t.Errorf("%v blocks in five seconds", got)
	}
	now = now.Add(2 * time.Minute)
	if got := ask(t, c, pinned).body["error"].(map[string]any)["cause"].(map[string]any)["name"]; got != "UNKNOWN_BLOCK" {
		t.Errorf("an old block: %v", got)
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	c := NewChain("testnet")
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	for mode, want := range map[Mode]int{OK: 200, Down500: 500, Malformed: 200, WrongChain: 200, Stale: 200, RateLimited: 429} {
		c.SetMode(mode)
		response, err := http.Post(server.URL, "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":"1","method":"status","params":[]}`))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("mode %d: HTTP %d, want %d", mode, response.StatusCode, want)
		}
	}
	c.SetMode(Timeout)
	client := http.Client{Timeout: 300 * time.Millisecond}
	if _, err := client.Post(server.URL, "application/json", strings.NewReader(`{}`)); err == nil {
		t.Error("mode Timeout answered")
	}
	if got := c.Requests(); got != 7 || c.RequestsByKind()["status"] != 6 {
		t.Errorf("%d requests counted: %v", got, c.RequestsByKind())
	}
}

func TestUnknownMethodIsNamed(t *testing.T) {
	t.Parallel()
	got := ask(t, NewChain("testnet"), `{"jsonrpc":"2.0","id":"1","method":"tx","params":{}}`)
	if got.code != http.StatusBadRequest || got.body["error"].(map[string]any)["cause"].(map[string]any)["name"] != "METHOD_NOT_FOUND" {
		t.Errorf("answer = %+v", got)
	}
}
