package oauth

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"time"
)

// A server nonce (RFC 9449 sections 8 and 9) is the MAC of the minutes that it
// was made in. Every replica knows it without storing anything. It keeps whoever could use a
// key for a moment from making proofs for later.
const (
	noncePeriod = 2 * time.Minute
	macNonce    = "DPoP nonce"
)

// DPoPNonce returns the nonce that the next proof must have, or "" if it needs none.
func (p *Provider) DPoPNonce() string {
	if !p.RequireDPoPNonce {
		return ""
	}
	return p.nonce()
}

func (p *Provider) nonce() string {
	mac := p.Keys.MAC(macNonce, p.period(0))
	return base64.RawURLEncoding.EncodeToString(mac[:])
}

// period is the encoded number of a period, counted from the present one.
func (p *Provider) period(offset int64) []byte {
	n := p.Now().Unix()/int64(noncePeriod/time.Second) + offset
	return binary.BigEndian.AppendUint64(nil, uint64(n))
}

// knowsNonce reports that a nonce was made in this period or the one before,
// or, by a replica whose clock is ahead, in the next.
func (p *Provider) knowsNonce(nonce string) bool {
	given, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil {
		return false
	}
	for offset := int64(-1); offset <= 1; offset++ {
		for mac := range p.Keys.MACs(macNonce, p.period(offset)) {
			if hmac.Equal(mac[:], given) {
				return true
			}
		}
	}
	return false
}

// wantNonce asks for the same request again with this nonce in its proof.
func (p *Provider) wantNonce() *Error {
	return &Error{Status: http.StatusBadRequest, Code: useDPoPNonce, Nonce: p.nonce(),
		Description: "Make the DPoP proof with the nonce of the DPoP-Nonce header."}
}
