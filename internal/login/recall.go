package login

import (
	"context"
	"time"

	"near-idp/internal/idp"
)

// What is remembered of logins that were begun here: how many, in each of two generations, and for
// how long. A wallet that needs longer costs one more query.
const (
	maxBegun  = 1024
	justBegun = time.Minute
)

// maxOwners is how many keys are remembered, in each of two generations, as those of an account.
const maxOwners = 1 << 15

// Recall is Find for a challenge that is yet to be answered: one that was begun here a moment
// ago is not read again. Whether it has been answered or denied elsewhere by now is for
// the statement that consumes it to say. With take, which is for the answer, it is recalled for the
// last time.
func (s *Service) Recall(ctx context.Context, id, browser string, take bool) (*idp.Login, error) {
	l, found := s.begun.Get(id)
	if !found || s.Now().Sub(l.CreatedAt) > justBegun {
		return s.Find(ctx, id, browser)
	}
	if take {
		s.begun.Drop(id)
	}
	again := *l
	return s.bound(&again, nil, browser)
}
