package admin

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"near-idp/internal/idp"
)

// getAccount shows all that there is here of an account.
func (s *Server) getAccount(w http.ResponseWriter, r *http.Request) error {
	found, err := s.Accounts.Show(r.Context(), r.PathValue("account_id"))
	if err != nil {
		return err
	}
	found.Subjects, found.Consents = orEmpty(found.Subjects), orEmpty(found.Consents)
	found.Sessions, found.Grants = orEmpty(found.Sessions), orEmpty(found.Grants)
	return writeJSON(w, http.StatusOK, found)
}

func (s *Server) listBlocked(w http.ResponseWriter, r *http.Request) error {
	page, err := pageOf(r)
	if err != nil {
		return err
	}
	list, err := s.Accounts.Blocks(r.Context(), page.after, page.limit+1)
	if err != nil {
		return err
	}
	next := ""
	if len(list) > page.limit {
		list = list[:page.limit]
		next = list[page.limit-1].AccountID
	}
	return writeJSON(w, http.StatusOK, listed{orEmpty(list), cursor(next)})
}

// ended tells how many sessions a change ended, or would end.
type ended struct {
	Sessions int `json:"sessions_ended"`
}

// blockAccount keeps an account out and ends all that it has.
func (s *Server) blockAccount(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Reason string `json:"reason"`
	}
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	return s.endAll(w, r, func(account string) (int, error) {
		if dryRun(r) {
			return 0, s.Accounts.CheckBlock(account, body.Reason)
		}
		return s.Accounts.Block(r.Context(), account, body.Reason)
	})
}

func (s *Server) unblockAccount(w http.ResponseWriter, r *http.Request) error {
	do := s.Accounts.Unblock
	if dryRun(r) {
		do = s.Accounts.CheckUnblock
	}
	id := r.PathValue("account_id")
	return noContent(w, do(r.Context(), id), "a block of account", id)
}

// revokeAccount ends all that an account has and forgets its consents. It may sign in again.
func (s *Server) revokeAccount(w http.ResponseWriter, r *http.Request) error {
	return s.endAll(w, r, func(account string) (int, error) {
		if dryRun(r) {
			return 0, nil
		}
		return s.Accounts.Revoke(r.Context(), account)
	})
}

func (s *Server) endSessions(w http.ResponseWriter, r *http.Request) error {
	return s.endAll(w, r, func(account string) (int, error) {
		if dryRun(r) {
			return 0, nil
		}
		return s.Accounts.EndSessions(r.Context(), account)
	})
}

// endAll answers with how many sessions end does away with; those there are, if it is a dry run.
func (s *Server) endAll(w http.ResponseWriter, r *http.Request, end func(account string) (int, error)) error {
	account := r.PathValue("account_id")
	n, err := end(account)
	if err == nil && dryRun(r) {
		var list []idp.AccountSession
		list, err = s.Accounts.ListSessions(r.Context(), account)
		n = len(list)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, ended{n})
}

func (s *Server) listSessions(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Accounts.ListSessions(r.Context(), r.PathValue("account_id"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, listed{Items: orEmpty(list)})
}

func (s *Server) listGrants(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Accounts.ListGrants(r.Context(), r.PathValue("account_id"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, listed{Items: orEmpty(list)})
}

func (s *Server) listConsents(w http.ResponseWriter, r *http.Request) error {
	found, err := s.Accounts.Show(r.Context(), r.PathValue("account_id"))
	if errors.Is(err, idp.ErrNotFound) {
		return writeJSON(w, http.StatusOK, listed{Items: []idp.AccountConsent{}})
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, listed{Items: orEmpty(found.Consents)})
}

func (s *Server) endSession(w http.ResponseWriter, r *http.Request) error {
	account, sid := r.PathValue("account_id"), r.PathValue("sid")
	err := error(nil)
	if dryRun(r) {
		var list []idp.AccountSession
		list, err = s.Accounts.ListSessions(r.Context(), account)
		err = among(list, err, func(o idp.AccountSession) bool { return o.SID == sid })
	} else {
		err = s.Accounts.EndSession(r.Context(), account, sid)
	}
	return noContent(w, err, "session", sid)
}

func (s *Server) revokeGrant(w http.ResponseWriter, r *http.Request) error {
	account, id := r.PathValue("account_id"), r.PathValue("grant_id")
	err := error(nil)
	if dryRun(r) {
		var list []idp.AccountGrant
		list, err = s.Accounts.ListGrants(r.Context(), account)
		err = among(list, err, func(g idp.AccountGrant) bool { return g.ID == id })
	} else {
		err = s.Accounts.RevokeGrant(r.Context(), account, id)
	}
	return noContent(w, err, "grant", id)
}

// among is idp.ErrNotFound for a list, read without an error, in which nothing matches.
func among[T any](list []T, err error, match func(T) bool) error {
	if err == nil && !slices.ContainsFunc(list, match) {
		return fmt.Errorf("it is not there: %w", idp.ErrNotFound)
	}
	return err
}
