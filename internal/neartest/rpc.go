package neartest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

type request struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

type queryParams struct {
	Type      string `json:"request_type"`
	Finality  string `json:"finality"`
	BlockID   string `json:"block_id"`
	AccountID string `json:"account_id"`
	PublicKey string `json:"public_key"`
}

// fields is one JSON object of an answer.
type fields = map[string]any

// ServeHTTP answers one JSON-RPC request the way nearcore does, or fails the way
// the mode says.
func (c *Chain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "JSON-RPC wants POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	var req request
	if err != nil || json.Unmarshal(body, &req) != nil {
		answer(w, http.StatusBadRequest, nil, fields{"error": validationError("PARSE_ERROR")})
		return
	}
	var params queryParams
	kind := req.Method
	if req.Method == "query" {
		if json.Unmarshal(req.Params, &params) != nil {
			answer(w, http.StatusBadRequest, req.ID, fields{"error": validationError("PARSE_ERROR")})
			return
		}
		kind = params.Type
	}
	mode, delay := c.count(kind)
	if !pause(r, delay) || c.fails(w, r, mode) {
		return
	}
	code, reply := c.reply(kind, params)
	answer(w, code, req.ID, reply)
}

func (c *Chain) count(kind string) (Mode, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests[kind]++
	return c.mode, c.delay
}

// pause waits, and reports false if the caller left meanwhile.
func pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}

// fails plays the modes that have nothing to do with the question.
func (c *Chain) fails(w http.ResponseWriter, r *http.Request, mode Mode) bool {
	switch mode {
	case Down500:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, "<html><title>500 Internal Server Error</title></html>")
	case Timeout:
		<-r.Context().Done()
	case Malformed:
		io.WriteString(w, `{"jsonrpc":"2.0","result":{"nonce":85,"permission":"Full`)
	case RateLimited:
		answer(w, http.StatusTooManyRequests, nil, fields{"error": fields{"code": -429, "message": "Too Many Requests"}})
	default:
		return false
	}
	return true
}

// reply is the HTTP status and the "result" or "error" member of the answer.
func (c *Chain) reply(kind string, params queryParams) (int, fields) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if kind == "status" {
		return http.StatusOK, fields{"result": c.status()}
	}
	at := c.final()
	if params.BlockID != "" {
		var known bool
		if at, known = c.find(params.BlockID); !known {
			return http.StatusOK, fields{"error": handlerError("UNKNOWN_BLOCK", fields{},
				"DB Not Found Error: BLOCK HASH: "+params.BlockID)}
		}
	}
	switch kind {
	case "view_access_key":
		return http.StatusOK, c.viewAccessKey(params, at)
	case "view_account":
		return http.StatusOK, c.viewAccount(params, at)
	default:
		return http.StatusBadRequest, fields{"error": validationError("METHOD_NOT_FOUND")}
	}
}

func (c *Chain) status() fields {
	chainID, head := c.chainID, c.head()
	if c.mode == WrongChain {
		chainID += "-other"
	}
	return fields{
		"version": fields{"version": "2.13.0"}, "chain_id": chainID,
		"protocol_version": 85, "latest_protocol_version": 85,
		"sync_info": fields{
			"latest_block_hash": head.hash(), "latest_block_height": head.height,
			"latest_block_time": head.time().Format(time.RFC3339Nano), "syncing": false,
		},
	}
}

// viewAccessKey does not look whether the account exists: like nearcore, it
// knows keys only.
func (c *Chain) viewAccessKey(params queryParams, at block) fields {
	permission, ok := c.accounts[params.AccountID][params.PublicKey]
	if !ok {
		return fields{"result": at.stamp(fields{
			"error": fmt.Sprintf("access key %s does not exist while viewing", params.PublicKey), "logs": []string{},
		})}
	}
	return fields{"result": at.stamp(fields{"nonce": at.height * 1_000_000, "permission": json.RawMessage(permission)})}
}

func (c *Chain) viewAccount(params queryParams, at block) fields {
	if c.accounts[params.AccountID] == nil {
		return fields{"error": handlerError("UNKNOWN_ACCOUNT", at.stamp(fields{"requested_account_id": params.AccountID}),
			fmt.Sprintf("account %s does not exist while viewing", params.AccountID))}
	}
	return fields{"result": at.stamp(fields{
		"amount": "399992611103597728750000000", "locked": "0",
		"code_hash": "11111111111111111111111111111111", "storage_usage": 642, "storage_paid_at": 0,
	})}
}

// stamp adds the block that an answer holds for.
func (b block) stamp(f fields) fields {
	f["block_height"] = b.height
	f["block_hash"] = b.hash()
	return f
}

func handlerError(cause string, info fields, data string) fields {
	return fields{
		"name": "HANDLER_ERROR", "cause": fields{"name": cause, "info": info},
		"code": -32000, "message": "Server error", "data": data,
	}
}

func validationError(cause string) fields {
	return fields{
		"name": "REQUEST_VALIDATION_ERROR", "cause": fields{"name": cause, "info": fields{}},
		"code": -32700, "message": "Parse error", "data": "Failed parsing args",
	}
}

func answer(w http.ResponseWriter, code int, id json.RawMessage, reply fields) {
	reply["jsonrpc"], reply["id"] = "2.0", id
	text, err := json.Marshal(reply)
	if err != nil {
		// Only a Permission that is not JSON gets here; say so to the test.
		http.Error(w, "neartest: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(text)
}
