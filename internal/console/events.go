package console

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/observe"
)

// streamLife bounds one connection of the live events. A browser connects again by
// itself, and is asked again whether it is still signed in.
const streamLife = time.Minute

const eventsOnPage = "50"

// eventFilters are the fields by which events are searched, as the API names them.
var eventFilters = []string{"type", "client_id", "account_id", "outcome", "actor", "request_id"}

var outcomes = []option{{"", "any"}, {idp.OutcomeDone, idp.OutcomeDone}, {idp.OutcomeRefused, idp.OutcomeRefused}, {idp.OutcomeFailed, idp.OutcomeFailed}}

// An eventList is a page of the audit log.
type eventList struct {
	page
	Form      form
	Events    []idp.Event
	FirstURL  string
	NextURL   string
	Later     bool
	StreamURL string // of what is to come; empty on later pages
}

func (s *Server) listEvents(w http.ResponseWriter, r *http.Request) error {
	asked := r.URL.Query()
	q := url.Values{}
	for _, name := range eventFilters {
		if text := strings.TrimSpace(asked.Get(name)); text != "" {
			q.Set(name, text)
		}
	}
	v := eventList{page: s.view(r, sectionEvents, "Events"), Form: blank(maps.Clone(q)), FirstURL: "/events" + query(q), Later: asked.Get("cursor") != ""}
	ask := maps.Clone(q)
	ask.Set("limit", eventsOnPage)
	if v.Later {
		ask.Set("cursor", asked.Get("cursor"))
	}
	var list listOf[idp.Event]
	if err := s.get(r, "/audit-events", ask, &list); err != nil {
		f, err := refused(q, err, eventFilters...)
		if err != nil {
			return err
		}
		v.Form = f
	}
	v.Events = list.Items
	if list.Next != "" {
		next := maps.Clone(q)
		next.Set("cursor", list.Next)
		v.NextURL = "/events" + query(next)
	}
	if !v.Later && !v.Form.Wrong() {
		q.Set("after", "0")
		if len(v.Events) > 0 {
			q.Set("after", strconv.FormatInt(v.Events[0].ID, 10))
		}
		v.StreamURL = "/events/stream" + query(q)
	}
	return s.render(w, r, v.Form.status(), eventsPage(v))
}

// streamEvents passes the API's stream on. Who is not signed in any more gets 204, which
// is how a browser is told not to come back.
func (s *Server) streamEvents(w http.ResponseWriter, r *http.Request) error {
	v, err := s.recognise(r)
	if err != nil {
		return err
	}
	if v == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	observe.Of(r).Actor = v.actor()
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), visitorKey{}, v), streamLife)
	defer cancel()
	q := r.URL.Query()
	after := q.Get("after")
	q.Del("after")
	request, err := s.request(r.WithContext(ctx), call{method: http.MethodGet, path: "/audit-events:stream", query: q})
	if err != nil {
		return err
	}
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		after = last
	}
	request.Header.Set("Last-Event-ID", after)
	s.API.ServeHTTP(w, request)
	return nil
}

func (s *Server) clientErrors(w http.ResponseWriter, r *http.Request) error {
	c, _, err := s.readClient(r)
	if err != nil {
		return err
	}
	v := clientErrorsPage{clientPage: clientPage{page: s.view(r, sectionClients, "Errors of "+c.DisplayName()), Client: c, Tab: tabErrors}}
	var list listOf[idp.Event]
	if err := s.get(r, clientPath(c.ID)+"/errors", nil, &list); err != nil {
		return err
	}
	v.Events = list.Items
	return s.render(w, r, http.StatusOK, errorsPage(v))
}

// A clientErrorsPage is what was refused to a client.
type clientErrorsPage struct {
	clientPage
	Events []idp.Event
}

// refusedLately is when each client was last refused something, among the latest refusals.
func (s *Server) refusedLately(r *http.Request) (map[string]*clientError, error) {
	var list listOf[idp.Event]
	if err := s.get(r, "/audit-events", url.Values{"outcome": {idp.OutcomeRefused}, "limit": {"1000"}}, &list); err != nil {
		return nil, err
	}
	last := map[string]*clientError{}
	for _, e := range list.Items {
		if e.ClientID != "" && last[e.ClientID] == nil {
			last[e.ClientID] = &clientError{Time: e.Time}
		}
	}
	return last, nil
}

// details are those of an event, in the order of their names.
func details(e idp.Event) []fact {
	var list []fact
	for _, name := range slices.Sorted(maps.Keys(e.Details)) {
		text := fmt.Sprint(e.Details[name])
		if items, ok := e.Details[name].([]any); ok {
			var texts []string
			for _, item := range items {
				texts = append(texts, fmt.Sprint(item))
			}
			text = strings.Join(texts, ", ")
		}
		list = append(list, fact{strings.ReplaceAll(name, "_", " "), []string{text}, true})
	}
	return list
}

func outcomeClass(e idp.Event) string {
	switch e.Outcome {
	case idp.OutcomeRefused:
		return "chip is-warn"
	case idp.OutcomeFailed:
		return "chip is-bad"
	}
	return "chip is-good"
}
