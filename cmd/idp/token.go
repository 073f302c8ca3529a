package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// readToken reads a token from a file or standard input: as an argument others could see it.
func readToken(o *options, file string) (string, error) {
	in := io.Reader(os.Stdin)
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	const most = 64 << 10
	text, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", usage(o.Name(), "there is no token in %s", file)
	}
	return token, nil
}

func runTokenIntrospect(ctx context.Context, args []string) error {
	o := newOptions("token introspect", "FILE", `
Tells what an access token or refresh token of this provider is worth now: whose it is,
for which application and APIs, and until when. The token is read from a file, or from standard
input for "-", since arguments are seen by others on the machine.

Examples:
  idp token introspect token.txt
  pbpaste | idp token introspect - -o json`)
	t, out := o.targetFlags(), o.formatFlag()
	file, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	token, err := readToken(o, file[0])
	if err != nil {
		return err
	}
	var found map[string]any
	if err := t.call(ctx, "POST", "/admin/v1/tokens:introspect", map[string]any{"token": token}, &found); err != nil {
		return err
	}
	return out.print(found, func(w io.Writer) {
		for _, name := range slices.Sorted(maps.Keys(found)) {
			fmt.Fprintf(w, "%s\t%s\n", name, plain(found[name]))
		}
	})
}

func runTokenRevoke(ctx context.Context, args []string) error {
	o := newOptions("token revoke", "FILE", `
Ends the grant of an access token or refresh token, and with it every token of that grant.
The token is read from a file, or from standard input for "-". APIs that verify access
tokens themselves accept those until they expire.

Examples:
  idp token revoke leaked.txt
  pbpaste | idp token revoke -`)
	t, dry := o.targetFlags(), o.dryRunFlag()
	file, err := o.parse(args, 1, 1)
	if err != nil {
		return err
	}
	token, err := readToken(o, file[0])
	if err != nil {
		return err
	}
	if err := t.call(ctx, "POST", "/admin/v1/tokens:revoke"+dryRun(*dry), map[string]any{"token": token}, nil); err != nil {
		return err
	}
	if *dry {
		fmt.Println("The token can be revoked; nothing was changed.")
		return nil
	}
	fmt.Println("The token is revoked, with all of its grant.")
	return nil
}
