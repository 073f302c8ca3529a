package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"near-idp/internal/neartest"
)

// algorithms sign the ID tokens of one client each.
var algorithms = []string{"RS256", "ES256"}

const redirectURI = "https://app.example.com/callback"

func clientID(alg string) string { return "bench-" + strings.ToLower(alg) }

// A person has an account and its key.
type person struct {
	wallet *neartest.Wallet
	key    string // base58 takes long enough to be done beforehand
}

func newPerson(account string) *person {
	wallet := neartest.NewWallet(account)
	return &person{wallet, wallet.PublicKey()}
}

// A station is a browser and the application it signs in to, over one
// connection each that is kept alive. Every login is that of a new browser.
type station struct {
	issuer, client, secret string
	browser, application   *http.Client
}

func (s *site) station(alg string) *station {
	client := func() *http.Client {
		return &http.Client{
			Transport:     &http.Transport{DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Timeout:       30 * time.Second,
		}
	}
	return &station{s.issuer, clientID(alg), s.secret, client(), client()}
}

func (t *station) close() {
	t.browser.CloseIdleConnections()
	t.application.CloseIdleConnections()
}

// signIn is one complete login. It returns how long /token took.
func (t *station) signIn(ctx context.Context, p *person) (time.Duration, error) {
	verifier, state := rand.Text()+rand.Text(), rand.Text()
	code, err := t.approve(ctx, p, verifier, state)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	access, err := t.redeem(ctx, code, verifier)
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.issuer+"/userinfo", nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+access)
	var info struct{ Sub string }
	if _, err := exchange(t.application, request, http.StatusOK, &info); err != nil {
		return 0, err
	}
	if info.Sub != p.wallet.AccountID {
		return 0, fmt.Errorf("%s signed in and came out as %s", p.wallet.AccountID, info.Sub)
	}
	return took, nil
}

// approve goes from the application's link to the code, as a browser.
func (t *station) approve(ctx context.Context, p *person, verifier, state string) (code string, err error) {
	challenge := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"response_type": {"code"}, "client_id": {t.client}, "redirect_uri": {redirectURI},
		"scope": {"openid profile offline_access"}, "state": {state}, "nonce": {rand.Text()},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.issuer+"/authorize?"+query.Encode(), nil)
	if err != nil {
		return "", err
	}
	response, err := exchange(t.browser, request, http.StatusSeeOther, nil)
	if err != nil {
		return "", err
	}
	login, err := response.Location()
	if err != nil {
		return "", err
	}
	send := func(method, url string, body []byte, into any) error {
		request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Accept", "application/json")
		request.Header.Set("Content-Type", "application/json")
		for _, cookie := range response.Cookies() {
			request.AddCookie(cookie)
		}
		_, err = exchange(t.browser, request, http.StatusOK, into)
		return err
	}
	var asked struct {
		Message, Recipient, State string
		Nonce                     [32]byte `json:"nonce_bytes"`
		Callback                  string   `json:"callback_url"`
	}
	if err := send(http.MethodGet, login.String(), nil, &asked); err != nil {
		return "", err
	}
	answer, err := json.Marshal(map[string]string{
		"account_id": p.wallet.AccountID, "public_key": p.key, "state": asked.State,
		"signature": p.wallet.Sign(asked.Message, asked.Nonce, asked.Recipient, &asked.Callback),
	})
	if err != nil {
		return "", err
	}
	var approved struct {
		To string `json:"redirect_to"`
	}
	if err := send(http.MethodPost, login.String()+"/verify", answer, &approved); err != nil {
		return "", err
	}
	to, err := url.Parse(approved.To)
	if err != nil || to.Query().Get("state") != state {
		return "", fmt.Errorf("the login leads to %q, which is not back to the application (%w)", approved.To, err)
	}
	return to.Query().Get("code"), nil
}

// redeem gets tokens for a code and returns the access token.
func (t *station) redeem(ctx context.Context, code, verifier string) (access string, err error) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(t.client, t.secret)
	var tokens struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		ID      string `json:"id_token"`
	}
	if _, err := exchange(t.application, request, http.StatusOK, &tokens); err != nil {
		return "", err
	}
	if tokens.Access == "" || tokens.Refresh == "" || tokens.ID == "" {
		return "", errors.New("the token endpoint left out a token")
	}
	return tokens.Access, nil
}

// exchange sends a request and reads the whole answer, so that the connection
// is used again. The answer must have the given status; into takes its JSON.
func exchange(client *http.Client, request *http.Request, status int, into any) (*http.Response, error) {
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != status {
		return nil, fmt.Errorf("%s %s: %s %.300s", request.Method, request.URL.Path, response.Status, body)
	}
	if into == nil {
		return response, nil
	}
	return response, json.Unmarshal(body, into)
}
