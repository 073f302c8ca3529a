package login

import (
	"context"
	"net/netip"

	"near-idp/internal/idp"
	"near-idp/internal/limit"
	"near-idp/internal/near"
)

// sender is who sent the request that ctx is of; nobody where there is none.
func sender(ctx context.Context) limit.Sender {
	addr, _ := netip.ParseAddr(idp.OriginOf(ctx).Address)
	return limit.SenderOf(addr)
}

// mayAsk refuses to ask the chain about an account once more, if the sender's last questions about it
// came to nothing: a signature by any key can name any account. A key that signed in to
// the account of late is its owner's, whom nobody beside them can lock out.
func (s *Service) mayAsk(ctx context.Context, p *proven) error {
	if _, known := s.owners.Get(ownerKey(p)); known {
		return nil
	}
	return s.Accounts.Refusal(s.Accounts.Exhausted(sender(ctx).And(p.AccountID)))
}

// asked notes what the chain said.
func (s *Service) asked(ctx context.Context, p *proven, said near.KeyStatus) {
	if said == near.Authorised {
		s.owners.Put(ownerKey(p), struct{}{})
		return
	}
	s.Accounts.Take(sender(ctx).And(p.AccountID))
}

func ownerKey(p *proven) limit.Key { return limit.KeyOf(p.AccountID).And(p.PublicKey) }
