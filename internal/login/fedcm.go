package login

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"strings"

	"near-idp/internal/idp"
)

// macFedCM separates these MACs from those of codes and tokens.
const macFedCM = "fedcm session"

// A FedCM recognises a session by a secret of its own, for the cookie that browsers
// send along with requests of the FedCM API. That one goes with requests from other sites,
// so it must not be worth what the session's own cookie is: it is a MAC over the
// session, which opens nothing else and from which the session's secret does not follow.
// Nothing is stored for it. It ends with the session, and with the session's secret.
type FedCM struct {
	// Store finds the live session with this public id, or fails with idp.ErrNotFound; *postgres.Store does.
	Store interface {
		SessionBySID(ctx context.Context, sid string) (*idp.Session, error)
	}
	// MACs yields the MAC of every live key, the current one first; that of *keyring.Ring does.
	MACs func(purpose string, data []byte) iter.Seq[[sha256.Size]byte]
}

// Secret returns the FedCM secret of a session.
func (f *FedCM) Secret(s *idp.Session) idp.Secret {
	for mac := range f.MACs(macFedCM, macInput(s)) {
		return idp.Secret(s.Identity.SID + "." + base64.RawURLEncoding.EncodeToString(mac[:]))
	}
	panic("login: no MAC key") // a ring without one does not open
}

// Session returns the live session of a FedCM secret, or nil.
func (f *FedCM) Session(ctx context.Context, secret string) (*idp.Session, error) {
	sid, text, _ := strings.Cut(secret, ".")
	given, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(given) != sha256.Size || !wellFormed(sid) {
		return nil, nil
	}
	session, err := f.Store.SessionBySID(ctx, sid)
	if errors.Is(err, idp.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find session: %w", err)
	}
	for mac := range f.MACs(macFedCM, macInput(session)) {
		if hmac.Equal(mac[:], given) {
			return session, nil
		}
	}
	return nil, nil
}

// macInput holds the hash of the session's own secret: a person who signs in again in the
// same browser keeps the sid, and nothing that was handed out before.
func macInput(s *idp.Session) []byte {
	return append([]byte(s.Identity.SID+"\x00"), s.Hash...)
}
