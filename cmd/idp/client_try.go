package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"near-idp/internal/doctor"
	"near-idp/internal/idp"
)

// twinMark begins the ids of the clients that stand in for the ones that are tested.
const twinMark = "test-of-"

func runClientTest(ctx context.Context, args []string) error {
	o := newOptions("client test", "ID", `
Runs a whole login on this machine and explains each check: sign in with your wallet, and
read what the application will get. A twin of the application does it, with the same
scopes, policies, algorithm and lifetimes but its own id, secret and loopback redirect
URI; it is deleted at the end, and the application itself is not touched.

Examples:
  idp client test grafana
  idp client test grafana --no-browser
  idp client test grafana -o json`)
	silent := o.Bool("no-browser", false, "print the address instead of opening a browser")
	patience := o.Duration("timeout", 5*time.Minute, "how long to wait for the sign-in")
	t, out := o.targetFlags(), o.formatFlag()
	id, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	r, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	c, err := r.Client(ctx, id[0])
	if err != nil {
		return suggestList(err)
	}
	if !slices.Contains(c.GrantTypes, idp.GrantAuthorizationCode) {
		return usage(o.Name(), "%s has no authorization_code grant: `idp client snippet %s` shows how it gets tokens", c.ID, c.ID)
	}
	r.dropOldTwins(ctx)
	twin, secret, err := r.Create(ctx, twinOf(c), "", false)
	if err != nil {
		return fmt.Errorf("register the twin: %w", err)
	}
	defer func() {
		if err := r.Delete(context.WithoutCancel(ctx), twin.ID, false); err != nil {
			fmt.Fprintf(os.Stderr, "idp: delete %s, the twin, yourself: %v\n", twin.ID, err)
		}
	}()
	select { // no replica takes longer to learn of a new client (clients.Registry)
	case <-ctx.Done():
	case <-time.After(1100 * time.Millisecond):
	}
	wait, cancel := context.WithTimeout(ctx, *patience)
	defer cancel()
	login, err := (&doctor.Rehearsal{
		Issuer: r.Issuer, ClientID: twin.ID, Secret: string(secret), Scopes: twin.Scopes(),
		Open: func(address string) error { return visit(address, !*silent) },
	}).Run(wait)
	if err != nil {
		return err
	}
	login.Results = append(differences(c), login.Results...)
	return report(*out, login)
}

// twinOf is what stands in for a client: everything that decides what it gets, and nothing by which
// anybody else is reached.
func twinOf(c idp.Client) idp.Client {
	twin := c
	twin.ID = twinMark + c.ID[:min(len(c.ID), 40)] + "-" + strings.ToLower(rand.Text()[:8])
	name := []rune(c.DisplayName())
	twin.Name = string(name[:min(len(name), 90)]) + " (test)"
	twin.RedirectURIs = []string{doctor.RehearsalCallback}
	twin.PostLogoutRedirectURIs, twin.BackchannelLogoutURI, twin.BackchannelLogoutSessionRequired = nil, "", false
	twin.JWKS, twin.JWKSURI, twin.TokenEndpointAuthSigningAlg, twin.Profile, twin.Preset = "", "", "", "", ""
	twin.RequirePushedAuthorizationRequests, twin.DPoPBoundAccessTokens, twin.Disabled = false, false, false
	if !twin.Public() {
		twin.TokenEndpointAuthMethod = ""
	}
	return twin
}

// differences say what the twin cannot show.
func differences(c idp.Client) (list []doctor.Result) {
	skip := func(is bool, detail string) {
		if is {
			list = append(list, doctor.Result{Check: "registration", State: doctor.Skipped, Detail: detail})
		}
	}
	skip(c.Disabled, "the application is disabled; its twin is not")
	skip(c.TokenEndpointAuthMethod == idp.AuthPrivateKey, "the twin authenticates with a secret, not with private_key_jwt")
	skip(c.RequirePushedAuthorizationRequests, "the twin does not push its request")
	skip(c.DPoPBoundAccessTokens, "the twin's tokens are not bound to a key")
	return list
}

// dropOldTwins removes what earlier runs that were killed left behind.
func (r *registry) dropOldTwins(ctx context.Context) {
	list, err := r.List(ctx)
	if err != nil {
		return // the next run will
	}
	for _, c := range list {
		if strings.HasPrefix(c.ID, twinMark) && time.Since(c.CreatedAt) > time.Hour {
			_ = r.Delete(ctx, c.ID, false) // likewise
		}
	}
}

// visit shows a person an address.
func visit(address string, open bool) error {
	fmt.Fprintf(os.Stderr, "Sign in here:\n\n  %s\n\n", address)
	if !open {
		return nil
	}
	command := []string{"xdg-open"}
	switch runtime.GOOS {
	case "darwin":
		command = []string{"open"}
	case "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler"}
	}
	if path, err := exec.LookPath(command[0]); err == nil {
		_ = exec.Command(path, append(command[1:], address)...).Start() // the address is printed, too
	}
	return nil
}

func report(out format, login *doctor.Login) error {
	err := out.print(login, func(w io.Writer) {
		writeResults(w, login.Results)
		for _, part := range []struct {
			name   string
			claims map[string]any
		}{{"ID token", login.IDToken}, {"access token", login.AccessToken}, {"userinfo", login.UserInfo}} {
			if part.claims == nil {
				continue
			}
			text, err := json.MarshalIndent(part.claims, "", "  ")
			if err == nil {
				fmt.Fprintf(w, "\n%s %s\n", part.name, text)
			}
		}
	})
	for _, r := range login.Results {
		if r.State == doctor.Failed {
			return errors.Join(err, fmt.Errorf("the check %s failed", r.Check))
		}
	}
	return err
}
