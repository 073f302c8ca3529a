package relay

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"near-idp/internal/near"
)

// HOTOrigin is where HOT's own relay is.
const HOTOrigin = "https://h4n.app"

// hotDeadline is how long HOT's own pages let a request wait.
const hotDeadline = time.Minute

// HOT is the relay of HOT Wallet. It has no testnet.
type HOT struct{ Options }

// hotRequest is what the wallet reads. The id makes it one of a kind.
type hotRequest struct {
	Method   string     `json:"method"`
	Request  hotMessage `json:"request"`
	Deadline int64      `json:"deadline"` // Unix milliseconds
	ID       string     `json:"id"`
	HOT      bool       `json:"$hot"`
	Origin   string     `json:"origin"`
}

type hotMessage struct {
	Message   string `json:"message"`
	Nonce     []int  `json:"nonce"`
	Recipient string `json:"recipient"`
}

// Ask leaves a challenge at the relay.
func (h *HOT) Ask(ctx context.Context, c Challenge) (Request, error) {
	expires := h.now().Add(hotDeadline)
	text, err := json.Marshal(hotRequest{
		Method: "near:signMessage", Request: hotMessage{c.Message, numbers(c.Nonce), c.Recipient},
		Deadline: expires.UnixMilli(), ID: rand.Text(), HOT: true, Origin: c.Origin,
	})
	if err != nil {
		return Request{}, fmt.Errorf("encode request: %w", err)
	}
	data := near.Base58(text)
	// The relay names requests so. Nothing rests on the hash: its input is ours, with a random id.
	name := sha1.Sum([]byte(data))
	id := hex.EncodeToString(name[:])
	if err := h.post(ctx, "/"+id+"/request", map[string]string{"data": data}, nil); err != nil {
		return Request{}, err
	}
	return Request{ID: id, ExpiresAt: expires}, nil
}

// Answer asks what became of a request. Until somebody has answered the relay knows of nothing
// and says so with some status.
func (h *HOT) Answer(ctx context.Context, id string) (Answer, error) {
	text, err := h.send(ctx, http.MethodGet, "/"+segment(id)+"/response", nil)
	if refused, ok := errors.AsType[*statusError](err); ok && refused.status < http.StatusInternalServerError {
		return Answer{}, nil
	}
	if err != nil {
		return Answer{}, err
	}
	var envelope struct {
		Data *string `json:"data"` // JSON once more
	}
	if err := decode(text, &envelope); err != nil || envelope.Data == nil {
		return Answer{}, err
	}
	var said struct {
		Success *bool           `json:"success"`
		Payload json.RawMessage `json:"payload"`
	}
	if err := decode([]byte(*envelope.Data), &said); err != nil {
		return Answer{}, err
	}
	switch {
	case said.Success == nil:
		return Answer{}, fmt.Errorf("%w: it does not say whether it is approved", ErrMalformed)
	case !*said.Success:
		return Answer{Rejected: true}, nil
	}
	var payload signed
	if err := decode(said.Payload, &payload); err != nil {
		return Answer{}, err
	}
	return payload.answer()
}

// Links lead HOT to a request.
func (h *HOT) Links(id string) Links {
	if !plain(id) {
		return Links{}
	}
	return Links{QR: "https://app.hot-labs.org/link?hotcall-" + id, App: "https://t.me/hot_wallet/app?startapp=hotcall-" + id}
}
