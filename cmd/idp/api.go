package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"near-idp/internal/admin"
	"near-idp/internal/clients"
	"near-idp/internal/idp"
)

// An api is the admin API as the command line calls it: over the network, or in this
// process over the database. Either way the same rules hold, and the same audit rows are written.
type api struct {
	admin.Self // who calls, and which provider answers

	base   string // URL before /admin/v1
	key    string // empty in this process
	client *http.Client
	close  func()
}

// Where the API is reached over the network.
const (
	envAdminURL = "IDP_ADMIN_URL"
	envAdminKey = "IDP_ADMIN_KEY"
)

// remote returns the API at $IDP_ADMIN_URL.
func remote(base, key string) (*api, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%s is %q: write the address of the admin side, such as http://127.0.0.1:8081", envAdminURL, base)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopbackHost(u.Hostname())) {
		return nil, fmt.Errorf("%s is %q: the key would travel in the clear; use https, or a tunnel to a loopback address", envAdminURL, base)
	}
	if key == "" {
		return nil, fmt.Errorf("%s is set but %s is not: make a key on the provider's machine with `idp api-key create --local` (%w)", envAdminURL, envAdminKey, fs.ErrPermission)
	}
	a := &api{base: strings.TrimRight(base, "/"), key: key, close: func() {}}
	a.client = &http.Client{
		// A redirect would take the key elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: time.Minute,
		},
	}
	return a, nil
}

// loopbackHost reports whether what is sent to a host cannot leave this machine. Names below
// localhost can: resolvers ask for them elsewhere, and proxies are given them.
func loopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// local returns the API of a handler in this process, as somebody who may do everything:
// whoever can read the configuration could do it by SQL.
func local(handler http.Handler, close func()) *api {
	as := admin.Principal{Actor: "local", Scopes: admin.Scopes()}
	return &api{base: "http://local", client: &http.Client{Transport: inProcess{handler, as}}, close: close}
}

// do sends one request. in and out are JSON values, or nil; out may be an *[]byte that
// takes the body as it is. Failures of the API are *apiError.
func (a *api) do(ctx context.Context, method, path string, in, out any, headers ...string) error {
	_, err := a.exchange(ctx, method, path, in, out, headers...)
	return err
}

func (a *api) exchange(ctx context.Context, method, path string, in, out any, headers ...string) (http.Header, error) {
	const most = 64 << 20
	response, err := a.send(ctx, method, path, in, headers...)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err != nil {
		return nil, fmt.Errorf("admin API: %w", err)
	}
	switch out := out.(type) {
	case nil:
	case *[]byte:
		*out = body
	default:
		if err := json.Unmarshal(body, out); err != nil {
			return nil, fmt.Errorf("admin API: %s %s gave no JSON: %w", method, path, err)
		}
	}
	return response.Header, nil
}

// send returns the response of a request that succeeded; the caller closes its body.
func (a *api) send(ctx context.Context, method, path string, in any, headers ...string) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		text, isRaw := in.([]byte)
		if !isRaw {
			var err error
			if text, err = json.Marshal(in); err != nil {
				return nil, err
			}
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, a.base+path, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if a.key != "" {
		request.Header.Set("Authorization", "Bearer "+a.key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("admin API: %w", err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		defer response.Body.Close()
		return nil, a.failure(response)
	}
	return response, nil
}

// An apiError is a problem that the API answered with (RFC 9457).
type apiError struct {
	Status    int           `json:"status"`
	Code      string        `json:"code"`
	Detail    string        `json:"detail"`
	Errors    []fieldError  `json:"errors"`
	Plan      *clients.Plan `json:"plan"` // of changes that were refused together
	RequestID string        `json:"request_id"`
}

// A fieldError is what is wrong with one member of what was sent.
type fieldError struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

func (a *api) failure(response *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	e := &apiError{}
	if err != nil || json.Unmarshal(body, e) != nil || e.Code == "" {
		return fmt.Errorf("%s answered %s, which the admin API does not: is %s right?", a.base, response.Status, envAdminURL)
	}
	e.Status = response.StatusCode
	return e
}

func (e *apiError) Error() string {
	if len(e.Errors) > 0 {
		lines := make([]string, len(e.Errors))
		for i, field := range e.Errors {
			lines[i] = field.Field + " " + field.Detail
		}
		return strings.Join(lines, "\n")
	}
	text := strings.TrimSuffix(cmp.Or(e.Detail, e.Code), ".")
	if len(text) > 1 && text[1] >= 'a' { // a sentence there, the end of one here
		text = strings.ToLower(text[:1]) + text[1:]
	}
	if e.Status >= http.StatusInternalServerError && e.RequestID != "" {
		text += " (request " + e.RequestID + ")"
	}
	return text
}

// Unwrap serves the exit codes.
func (e *apiError) Unwrap() error {
	switch e.Status {
	case http.StatusNotFound:
		return idp.ErrNotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return idp.ErrConflict
	case http.StatusUnauthorized, http.StatusForbidden:
		return fs.ErrPermission
	case http.StatusServiceUnavailable:
		return idp.ErrUnavailable
	}
	return nil
}

// api opens the target's admin API. The caller calls close.
func (t target) api(ctx context.Context) (*api, error) {
	a, err := t.reach(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.do(ctx, "GET", "/admin/v1/self", nil, &a.Self); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// elsewhere reports that the provider is one that $IDP_ADMIN_URL names, so that nothing here is looked at.
func (t target) elsewhere() bool {
	return os.Getenv(envAdminURL) != "" && !*t.local && !*t.dev && *t.config == ""
}

func (t target) reach(ctx context.Context) (*api, error) {
	base := os.Getenv(envAdminURL)
	if t.elsewhere() {
		return remote(base, os.Getenv(envAdminKey))
	}
	cfg, store, close, err := t.database(ctx)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && base == "" && *t.config == "" && !*t.dev {
			err = fmt.Errorf("%w; for a provider elsewhere set %s and %s", err, envAdminURL, envAdminKey)
		}
		return nil, err
	}
	if err := t.openKeys(cfg); err != nil {
		close()
		return nil, err
	}
	tokens := newLocalTokens(ctx, cfg, store)
	return local(newAdmin(cfg, store, newPolicies(cfg), tokens, providerOptions{Log: faults()}), close), nil
}
