package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"near-idp/internal/admin"
)

// A problem is a refusal of the API (RFC 9457).
type problem struct {
	Status    int            `json:"status"`
	Code      string         `json:"code"`
	Detail    string         `json:"detail"`
	RequestID string         `json:"request_id"`
	Errors    []fieldProblem `json:"errors"`
}

// A fieldProblem is what is wrong with one field.
type fieldProblem struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

func (p *problem) Error() string { return "admin API: " + p.Code + ": " + p.Detail }

// A call is one request to the API in the name of whoever is signed in.
type call struct {
	method string
	path   string // below /admin/v1, escaped
	query  url.Values
	body   any    // JSON; nil: none
	etag   string // for If-Match; empty: any
}

// A memo holds an answer of the API.
type memo struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (m *memo) Header() http.Header         { return m.header }
func (m *memo) WriteHeader(status int)      { m.status = status }
func (m *memo) Write(p []byte) (int, error) { return m.body.Write(p) }

// ask makes a call and reads its answer into a value, which may be nil. A refusal is a *problem.
func (s *Server) ask(r *http.Request, c call, into any) (http.Header, error) {
	request, err := s.request(r, c)
	if err != nil {
		return nil, err
	}
	answer := &memo{status: http.StatusOK, header: http.Header{}}
	s.API.ServeHTTP(answer, request)
	if answer.status >= http.StatusBadRequest {
		p := &problem{}
		if err := json.Unmarshal(answer.body.Bytes(), p); err != nil {
			return nil, fmt.Errorf("%s %s answered %d: %w", c.method, c.path, answer.status, err)
		}
		return nil, p
	}
	if into == nil || answer.body.Len() == 0 {
		return answer.header, nil
	}
	if err := json.Unmarshal(answer.body.Bytes(), into); err != nil {
		return nil, fmt.Errorf("%s %s: %w", c.method, c.path, err)
	}
	return answer.header, nil
}

// request is a call as the API sees it: by whoever is signed in, from where their browser is.
func (s *Server) request(r *http.Request, c call) (*http.Request, error) {
	var body io.Reader = http.NoBody
	if c.body != nil {
		text, err := json.Marshal(c.body)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", c.method, c.path, err)
		}
		body = bytes.NewReader(text)
	}
	ctx := admin.As(r.Context(), admin.Principal{Actor: visitorOf(r).actor(), Scopes: admin.Scopes()})
	request, err := http.NewRequestWithContext(ctx, c.method, s.URL+"/admin/v1"+c.path, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", c.method, c.path, err)
	}
	request.URL.RawQuery = c.query.Encode()
	request.RequestURI = request.URL.RequestURI()
	request.RemoteAddr = r.RemoteAddr
	if c.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.etag != "" {
		request.Header.Set("If-Match", c.etag)
	}
	return request, nil
}

// get reads a resource.
func (s *Server) get(r *http.Request, path string, query url.Values, into any) error {
	_, err := s.ask(r, call{method: http.MethodGet, path: path, query: query}, into)
	return err
}

// listOf is a page of a list.
type listOf[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next_cursor"`
}
