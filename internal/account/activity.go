package account

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"near-idp/internal/idp"
)

// The bounds of what a person reads of their events.
const (
	PageSize = 20
	MaxPage  = 50
	// scanned is how many events of an account are looked at for a page. Most are of tokens, which pages leave out.
	scanned  = 5000
	exported = 10000
)

// activity are the types of events that say what a person did, and what was done to them. Refusals come beside.
var activity = []string{
	"login.succeeded", "login.resumed", "consent.granted", "consent.denied", "consent.withdrawn", "device.allowed", "device.denied",
	"session.ended", "token.revoked", "token.reused", "account.exported",
}

// ActivityTypes are the types of events that Activity returns, beside refusals.
func ActivityTypes() []string { return activity }

// An Event is what a person may know of an event.
type Event struct {
	Time       time.Time      `json:"time"`
	Type       string         `json:"type"`
	Outcome    string         `json:"outcome"`
	Reason     string         `json:"reason,omitempty"`
	ClientID   string         `json:"client_id,omitempty"`
	SID        string         `json:"sid,omitempty"`
	RequestID  string         `json:"request_id,omitempty"`
	Address    string         `json:"address,omitempty"` // of themselves
	Place      string         `json:"place,omitempty"`   // the network of whoever it was
	ByOperator bool           `json:"by_operator,omitempty"`
	Details    map[string]any `json:"details,omitempty"`
}

// Activity returns a page of what happened to the account of a session, the newest first, and whether there
// is another; pages count from 1 to MaxPage. idp.ErrNotFound as of Overview.
func (s *Service) Activity(ctx context.Context, session *idp.Session, page int) (list []Event, more bool, err error) {
	owner, _, err := s.owner(ctx, session)
	if err != nil {
		return nil, false, err
	}
	list, err = s.events(ctx, session, owner, activity, (page-1)*PageSize, PageSize+1, scanned)
	if len(list) > PageSize {
		return list[:PageSize], page < MaxPage, err
	}
	return list, false, err
}

func (s *Service) events(ctx context.Context, session *idp.Session, owner *idp.Subject, types []string, skip, limit, scan int) ([]Event, error) {
	found, err := s.Store.OwnEvents(ctx, session.Identity.AccountID, owner, types, skip, limit, scan)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	list := make([]Event, len(found))
	for i, e := range found {
		list[i] = told(e)
	}
	return list, nil
}

// told leaves out of an event what is not its person's to know: who the operator is and from where, why
// they refuse, the servers of applications, and the address of whoever could not prove to be them.
func told(e idp.Event) Event {
	t := Event{Time: e.Time, Type: e.Type, Outcome: e.Outcome, Reason: e.Reason, ClientID: e.ClientID, SID: e.SID, RequestID: e.RequestID}
	addr, _ := netip.ParseAddr(e.Address)
	switch {
	case e.Actor != "":
		t.ByOperator, t.RequestID = true, ""
	case e.Outcome != idp.OutcomeDone:
		t.Place = idp.Place(addr)
	case strings.HasPrefix(e.Type, "token."):
		t.Details = e.Details
	default:
		t.Address, t.Place, t.Details = e.Address, idp.Place(addr), e.Details
	}
	return t
}
