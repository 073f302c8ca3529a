package admin

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"near-idp/internal/idp"
)

// listEvents is the audit log, the newest events first.
func (s *Server) listEvents(w http.ResponseWriter, r *http.Request) error {
	page, err := pageOf(r)
	if err != nil {
		return err
	}
	filter, err := eventFilter(r.URL.Query())
	if err != nil {
		return err
	}
	filter.Limit = page.limit
	if page.after != "" {
		if filter.Before, err = strconv.ParseInt(page.after, 10, 64); err != nil || filter.Before < 1 {
			return invalid([]fieldProblem{badCursor})
		}
	}
	list, err := s.Audit.Events(r.Context(), filter)
	if err != nil {
		return err
	}
	next := ""
	if len(list) == page.limit {
		next = strconv.FormatInt(list[len(list)-1].ID, 10)
	}
	return writeJSON(w, http.StatusOK, listed{orEmpty(list), cursor(next)})
}

// clientErrors are the latest requests of a client that were refused, with what was expected.
func (s *Server) clientErrors(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("client_id")
	if _, err := s.Clients.Client(r.Context(), id); err != nil {
		return err
	}
	list, err := s.Audit.ClientErrors(r.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, listed{Items: orEmpty(list)})
}

// eventParameters are those that select events, besides the ones of pages.
var eventParameters = []string{"client_id", "account_id", "type", "outcome", "actor", "request_id", "since", "until"}

// eventFilter reads which events are asked for. A misspelt parameter would select all of them.
func eventFilter(q url.Values) (f idp.EventFilter, err error) {
	var list []fieldProblem
	for name, values := range q {
		switch {
		case !slices.Contains(eventParameters, name) && name != "limit" && name != "cursor":
			list = append(list, fieldProblem{name, "is not a known parameter: use some of " + strings.Join(eventParameters, ", ")})
		case len(values) > 1:
			list = append(list, fieldProblem{name, "is given more than once"})
		}
	}
	moment := func(name string) (at time.Time) {
		if text := q.Get(name); text != "" {
			if at, err = time.Parse(time.RFC3339, text); err != nil {
				list = append(list, fieldProblem{name, "must be a time such as 2026-01-31T12:00:00Z"})
			}
		}
		return at
	}
	f = idp.EventFilter{
		ClientID: q.Get("client_id"), AccountID: q.Get("account_id"), Type: q.Get("type"), Outcome: q.Get("outcome"),
		Actor: q.Get("actor"), RequestID: q.Get("request_id"), Since: moment("since"), Until: moment("until"),
	}
	if outcomes := []string{"", idp.OutcomeDone, idp.OutcomeRefused, idp.OutcomeFailed}; !slices.Contains(outcomes, f.Outcome) {
		list = append(list, fieldProblem{"outcome", "must be done, refused or failed"})
	}
	for name, text := range map[string]string{"client_id": f.ClientID, "account_id": f.AccountID, "type": f.Type, "actor": f.Actor, "request_id": f.RequestID} {
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '\uFFFD' }) {
			list = append(list, fieldProblem{name, "has a character that no event has there"})
		}
	}
	slices.SortFunc(list, func(a, b fieldProblem) int { return strings.Compare(a.Field, b.Field) })
	return f, invalid(list)
}
