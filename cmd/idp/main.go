// Command idp is an OAuth 2.0 and OpenID Connect provider whose users sign in
// with their NEAR wallet.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"near-idp/internal/idp"

	"github.com/jackc/pgx/v5/pgconn"
)

// version is set at build time: -ldflags "-X main.version=v1.2.3".
var version = "dev"

// A command is one entry of the command line, found by its one to three words.
type command struct {
	name    string
	summary string
	run     func(ctx context.Context, args []string) error
}

// commands in the order of the help.
func commands() []command {
	return []command{
		{"serve", "run the provider", runServe},
		{"dev", "try it on this machine: no wallet, no internet, no set-up", runDev},
		{"migrate up", "bring the database schema up to date", runMigrateUp},
		{"migrate status", "list the migrations and which are applied", runMigrateStatus},
		{"migrate version", "print the number of the last migration applied", runMigrateVersion},
		{"client create", "register an application and print its secret once", runClientCreate},
		{"client list", "list the registered applications", runClientList},
		{"client get", "show one application", runClientGet},
		{"client update", "change an application", runClientUpdate},
		{"client snippet", "print what to paste into an application", runClientSnippet},
		{"client errors", "list the requests of an application that were refused", runClientErrors},
		{"client preview", "print what an application would be given for an account", runClientPreview},
		{"client test", "run a login on this machine and explain each check", runClientTest},
		{"client delete", "remove an application and its secrets", runClientDelete},
		{"client disable", "let nobody sign in to an application", runClientDisable},
		{"client enable", "let people sign in to an application again", runClientEnable},
		{"client apply", "make the applications be as a document says", runClientApply},
		{"client export", "print the applications as a document", runClientExport},
		{"client secret add", "make one more secret for an application", runClientSecretAdd},
		{"client secret list", "list the secrets of an application", runClientSecretList},
		{"client secret revoke", "end a secret of an application", runClientSecretRevoke},
		{"token introspect", "tell what a token is worth", runTokenIntrospect},
		{"token revoke", "end a token and its grant", runTokenRevoke},
		{"api-key create", "make a key for the admin API", runAPIKeyCreate},
		{"api-key list", "list the keys for the admin API", runAPIKeyList},
		{"api-key revoke", "end a key for the admin API", runAPIKeyRevoke},
		{"account show", "show all that there is of an account", runAccountShow},
		{"account block", "keep an account out", runAccountBlock},
		{"account unblock", "let an account in again", runAccountUnblock},
		{"account revoke", "end all that an account has, and forget its consents", runAccountRevoke},
		{"session list", "list the sessions of an account", runSessionList},
		{"session revoke", "end one session of an account", runSessionRevoke},
		{"session end", "sign an account out everywhere", runSessionEnd},
		{"grant list", "list what applications hold of an account", runGrantList},
		{"grant revoke", "end one grant of an account", runGrantRevoke},
		{"key list", "list the signing keys and what each does", runKeyList},
		{"key rotate", "publish the successor of signing keys", runKeyRotate},
		{"key retire", "take a signing key out of service", runKeyRetire},
		{"audit query", "list what was done and what was refused", runAuditQuery},
		{"audit tail", "print the latest events, and those to come", runAuditTail},
		{"backup", "write what cannot be had again to a file", runBackup},
		{"restore", "fill an empty database from a backup", runRestore},
		{"config validate", "check the configuration file", runConfigValidate},
		{"config print", "show the configuration in effect, secrets redacted", runConfigPrint},
		{"login", "sign in to an application from a terminal", runLogin},
		{"doctor", "look for what is wrong, and say what to do about it", runDoctor},
		{"healthcheck", "ask the running provider whether it is alive", runHealthcheck},
		{"completion", "print what completes commands in a shell", runCompletion},
		{"version", "print the version", runVersion},
	}
}

// Exit codes, which scripts rely on.
const (
	exitFailure  = 1
	exitUsage    = 2
	exitNotFound = 3
	exitConflict = 4
	exitDenied   = 5
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once

	// What a command changes was done by whoever may run it here; the provider says more of its requests.
	err := dispatch(idp.WithOrigin(ctx, idp.Origin{Actor: idp.ActorLocal}), args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintln(os.Stderr, "idp: "+complaint(err))
	return exitCode(err)
}

// complaint is an error as the terminal shows it. Some of it may be what a stranger sent or
// another server answered, which must not move the cursor.
func complaint(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		lines[i] = shown(strings.ReplaceAll(line, "\t", " "))
	}
	return strings.Join(lines, "\n     ")
}

func exitCode(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && (strings.HasPrefix(pg.Code, "28") || pg.Code == "42501") {
		return exitDenied // a wrong password or role, or a missing privilege
	}
	switch {
	case errors.Is(err, idp.ErrNotFound):
		return exitNotFound
	case errors.Is(err, idp.ErrConflict):
		return exitConflict
	case errors.Is(err, fs.ErrPermission):
		return exitDenied
	}
	return exitFailure
}

// dispatch runs the command that args begin with.
func dispatch(ctx context.Context, args []string) error {
	if len(args) == 0 {
		writeHelp(os.Stderr, "")
		return usage("", "name a command")
	}
	if isHelp(args[0]) || args[0] == "help" && len(args) == 1 {
		writeHelp(os.Stdout, "")
		return nil
	}
	if args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	if args[0] == "--version" || args[0] == "-version" {
		args = []string{"version"}
	}
	for _, words := range []int{3, 2, 1} {
		if len(args) < words {
			continue
		}
		name := strings.Join(args[:words], " ")
		for _, c := range commands() {
			if c.name == name {
				return c.run(ctx, args[words:])
			}
		}
	}
	if len(args) > 1 && inGroup(args[0]+" "+args[1]) {
		args = append([]string{args[0] + " " + args[1]}, args[2:]...)
	}
	if inGroup(args[0]) {
		if len(args) > 1 && isHelp(args[1]) {
			writeHelp(os.Stdout, args[0])
			return nil
		}
		if len(args) == 1 {
			writeHelp(os.Stderr, args[0])
			return usage(args[0], "name one of its commands")
		}
		return unknownCommand(args[0] + " " + args[1])
	}
	return unknownCommand(args[0])
}

func isHelp(arg string) bool { return slices.Contains([]string{"--help", "-help", "-h"}, arg) }

// inGroup reports whether words begin commands of more words.
func inGroup(word string) bool {
	return slices.ContainsFunc(commands(), func(c command) bool { return strings.HasPrefix(c.name, word+" ") })
}

func unknownCommand(name string) error {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	if !strings.Contains(name, " ") {
		names = append(names, "migrate", "client", "api-key", "account", "session", "grant", "key", "audit", "config", "help")
	}
	// What was typed is escaped: it may come from a script's variable.
	if near := idp.Nearest(name, names); near != "" {
		return usage("", "unknown command %q; did you mean \"idp %s\"?", name, near)
	}
	return usage("", "unknown command %q", name)
}

// writeHelp lists the commands, or those of one group.
func writeHelp(w io.Writer, group string) {
	if group == "" {
		fmt.Fprint(w, "idp signs people in with their NEAR wallet and speaks OAuth 2.0 and OpenID Connect.\n\n")
	}
	fmt.Fprintf(w, "Usage: idp %s [flags]\n\nCommands:\n", strings.TrimSpace(group+" COMMAND"))
	for _, c := range commands() {
		if group == "" || strings.HasPrefix(c.name, group+" ") {
			fmt.Fprintf(w, "  %-20s %s\n", c.name, c.summary)
		}
	}
	fmt.Fprintf(w, "\nHelp with one:  idp %s --help\n", strings.TrimSpace(group+" COMMAND"))
	if group == "" {
		fmt.Fprint(w, "Try it:         idp dev\n\n"+
			"Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 conflict, 5 denied.\n")
	}
}
