package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"near-idp/internal/idp"
	"near-idp/internal/jose"
)

// keyFlags are the flags of clients that sign instead of sending a secret, or hold keys otherwise.
type keyFlags struct {
	options  *options
	jwksFile *string
	jwksURI  *string
	authAlg  *string
	par      *bool
	dpop     *bool
	profile  *string
	jwks     idp.JWKSet // of jwksFile, once read
}

func (o *options) keyFlags() *keyFlags {
	return &keyFlags{
		options:  o,
		jwksFile: o.String("jwks-file", "", "it signs (private_key_jwt) with keys whose public parts, a JWK Set, are in this `FILE` (- for standard input)"),
		jwksURI:  o.String("jwks-uri", "", "it signs (private_key_jwt) with keys that it publishes at this `URL`"),
		authAlg:  o.String("auth-alg", "", "`ALG` that it signs with: "+strings.Join(jose.Algs, ", ")+" (default: any of them)"),
		par:      o.Bool("require-par", false, "accept only authorization requests that it pushed before (RFC 9126)"),
		dpop:     o.Bool("dpop", false, "issue access tokens to it only that are bound to a key of its own (RFC 9449)"),
		profile:  o.String("profile", "", "hold it to the rules of a `PROFILE`: fapi2, the FAPI 2.0 Security Profile"),
	}
}

func keyFlagNames() []string {
	return []string{"jwks-file", "jwks-uri", "auth-alg", "require-par", "dpop", "profile"}
}

// read reads the file that the command line names.
func (k *keyFlags) read() error {
	if *k.jwksFile != "" && *k.jwksURI != "" {
		return usage(k.options.Name(), "--jwks-file and --jwks-uri exclude one another")
	}
	if *k.jwksFile == "" {
		return nil
	}
	in := os.Stdin
	if *k.jwksFile != "-" {
		f, err := os.Open(*k.jwksFile)
		if err != nil {
			return fmt.Errorf("--jwks-file: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, jose.MaxSet+1))
	if err != nil {
		return fmt.Errorf("--jwks-file: %w", err)
	}
	if len(text) == 0 {
		return errors.New("--jwks-file: the file is empty")
	}
	k.jwks = idp.JWKSet(text)
	return nil
}

func (k *keyFlags) apply(c *idp.Client) {
	switch {
	case k.jwks != "":
		c.TokenEndpointAuthMethod, c.JWKS, c.JWKSURI = idp.AuthPrivateKey, k.jwks, ""
	case *k.jwksURI != "":
		c.TokenEndpointAuthMethod, c.JWKS, c.JWKSURI = idp.AuthPrivateKey, "", *k.jwksURI
	}
	if k.options.given("auth-alg") {
		c.TokenEndpointAuthSigningAlg = *k.authAlg
	}
	if k.options.given("require-par") {
		c.RequirePushedAuthorizationRequests = *k.par
	}
	if k.options.given("dpop") {
		c.DPoPBoundAccessTokens = *k.dpop
	}
	if k.options.given("profile") {
		c.Profile = *k.profile
	}
}
