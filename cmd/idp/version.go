package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

func runVersion(_ context.Context, args []string) error {
	o := newOptions("version", "", `
Prints the version of idp, the Go release and the commit that it was built from.

Example:
  idp version`)
	if _, err := o.parse(args, 0, 0); err != nil {
		return err
	}
	fmt.Printf("idp %s\n%s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if commit := builtFrom(); commit != "" {
		fmt.Println("commit " + commit)
	}
	return nil
}

// builtFrom returns the commit of the build, marked if the tree had changes,
// or "" if the build does not know.
func builtFrom() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	commit, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = " with local changes"
		}
	}
	if commit == "" {
		return ""
	}
	return commit + modified
}
