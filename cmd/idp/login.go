package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"near-idp/internal/idp"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"rsc.io/qr"
)

func runLogin(ctx context.Context, args []string) error {
	o := newOptions("login", "", `
Signs in to an application from a terminal, as its own command line would, by the
device grant (RFC 8628): it shows a code and a QR code, somebody signs in with them on
a phone or in any browser, and it prints what the application then knows of them. The
application must be registered for it: idp client create NAME --public --device

Examples:
  idp login --issuer https://id.example.com --client-id my-cli
  idp login --issuer https://id.example.com --client-id my-cli --scope "openid offline_access" --tokens`)
	issuer := o.String("issuer", "", "`URL` of the provider")
	clientID := o.String("client-id", "", "`ID` of the application")
	secretFile := o.String("secret-file", "", "the application's secret is in this `FILE` (- for standard input); none: it is public")
	scope := o.String("scope", "openid profile", "`SCOPES` to ask for, separated by spaces")
	tokens := o.Bool("tokens", false, "print the tokens themselves, too: whoever reads them is signed in")
	code := o.Bool("qr", isTerminal(os.Stderr), "show a QR code")
	if _, err := o.parse(args, 0, 0); err != nil {
		return err
	}
	if *issuer == "" || *clientID == "" {
		return usage(o.Name(), "--issuer and --client-id are needed")
	}
	var secret idp.Secret
	if *secretFile != "" {
		var err error
		if secret, err = readSecret(*secretFile); err != nil {
			return err
		}
	}
	provider, err := oidc.NewProvider(ctx, *issuer)
	if err != nil {
		return fmt.Errorf("--issuer: %w", err)
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInParams // finding out would ask twice, which is too often
	client := oauth2.Config{ClientID: *clientID, ClientSecret: string(secret), Endpoint: endpoint, Scopes: strings.Fields(*scope)}
	if client.Endpoint.DeviceAuthURL == "" {
		return fmt.Errorf("%s does not offer the device grant", *issuer)
	}
	begun, err := beginDevice(ctx, client)
	if err != nil {
		return err
	}
	begun.show(os.Stderr, *code)
	token, err := client.DeviceAccessToken(ctx, &oauth2.DeviceAuthResponse{DeviceCode: begun.DeviceCode, Interval: begun.Interval,
		Expiry: time.Now().Add(time.Duration(begun.ExpiresIn) * time.Second)})
	if err != nil {
		return refusedLogin(err)
	}
	return printLogin(ctx, os.Stdout, provider, client, token, *tokens)
}

// A begun login is the provider's answer to a device authorization request.
type begun struct {
	DeviceCode  string `json:"device_code"`
	UserCode    string `json:"user_code"`
	URI         string `json:"verification_uri"`
	Complete    string `json:"verification_uri_complete"`
	ExpiresIn   int64  `json:"expires_in"`
	Interval    int64  `json:"interval"`
	MatchNumber int    `json:"idp_match_number"`
}

// beginDevice is not left to the library, which drops the number to match.
func beginDevice(ctx context.Context, client oauth2.Config) (*begun, error) {
	const most = 64 << 10
	form := url.Values{"client_id": {client.ClientID}, "scope": {strings.Join(client.Scopes, " ")}}
	if client.ClientSecret != "" {
		form.Set("client_secret", client.ClientSecret)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, client.Endpoint.DeviceAuthURL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("User-Agent", "idp-login/"+version)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err != nil {
		return nil, err
	}
	var answer struct {
		begun
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || response.StatusCode != http.StatusOK || answer.DeviceCode == "" {
		return nil, fmt.Errorf("%s answers %s: %s %s", client.Endpoint.DeviceAuthURL, response.Status, shown(answer.Error), shown(answer.Description))
	}
	return &answer.begun, nil
}

// show says what to do on the other device.
func (b *begun) show(w io.Writer, code bool) {
	to := b.Complete
	if to == "" {
		to = b.URI
	}
	if image, err := qr.Encode(to, qr.L); code && err == nil {
		fmt.Fprint(w, "\n", drawQR(image), "\n")
	}
	fmt.Fprintf(w, "Open   %s\nCode   %s\n", shown(b.URI), shown(b.UserCode))
	if b.MatchNumber != 0 {
		fmt.Fprintf(w, "Number %d\n", b.MatchNumber)
	}
	fmt.Fprintf(w, "\nCompare what the page shows with this. Waiting for %s ...\n", time.Duration(b.ExpiresIn)*time.Second)
}

// drawQR draws two rows of modules with each line of text, black on white whatever the
// colours of the terminal, within the margin that readers need.
func drawQR(code *qr.Code) string {
	const margin = 2
	var b strings.Builder
	for y := -margin; y < code.Size+margin; y += 2 {
		b.WriteString("\x1b[30;107m")
		for x := -margin; x < code.Size+margin; x++ {
			switch upper, lower := code.Black(x, y), code.Black(x, y+1); {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String()
}

// refusedLogin says in words what RFC 8628 section 3.5 says in codes.
func refusedLogin(err error) error {
	refusal, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return err
	}
	switch refusal.ErrorCode {
	case "access_denied":
		return errors.New("refused on the other device")
	case "expired_token":
		return errors.New("nobody signed in before the code expired")
	}
	return fmt.Errorf("refused: %s: %s", shown(refusal.ErrorCode), shown(refusal.ErrorDescription))
}

// printLogin verifies the ID token and prints its claims.
func printLogin(ctx context.Context, w io.Writer, provider *oidc.Provider, client oauth2.Config, token *oauth2.Token, all bool) error {
	out := map[string]any{"scope": token.Extra("scope"), "expires": token.Expiry.UTC().Truncate(time.Second)}
	if raw, ok := token.Extra("id_token").(string); ok {
		verified, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: client.ClientID}).Verify(ctx, raw)
		if err != nil {
			return fmt.Errorf("ID token: %w", err)
		}
		var claims map[string]any
		if err := verified.Claims(&claims); err != nil {
			return fmt.Errorf("ID token: %w", err)
		}
		out["claims"] = claims
		if all {
			out["id_token"] = raw
		}
	}
	if all {
		out["access_token"] = token.AccessToken
		out["refresh_token"] = token.RefreshToken
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
