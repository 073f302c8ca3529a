package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"near-idp/internal/idp"
	"os"
	"slices"
	"strings"
)

// A usageError is a command line that cannot be understood (exit code 2).
type usageError struct {
	command string // without "idp"; "" for the program itself
	text    string
}

func (e usageError) Error() string {
	help := strings.TrimSpace(e.command + " --help")
	if e.command == "" {
		help = "help"
	}
	return fmt.Sprintf("%s (see: idp %s)", strings.TrimPrefix(e.command+": "+e.text, ": "), help)
}

func usage(command, format string, args ...any) error {
	return usageError{command, fmt.Sprintf(format, args...)}
}

// options are the flags of one command and its help. They differ from package
// flag's in that flags may follow arguments, and in the tone of the errors.
type options struct {
	*flag.FlagSet
	arguments string // such as "ID"
	help      string // what it does, then examples
}

func newOptions(command, arguments, help string) *options {
	o := &options{flag.NewFlagSet(command, flag.ContinueOnError), arguments, strings.TrimSpace(help)}
	o.SetOutput(io.Discard)
	return o
}

// newFlags returns the options of a command without arguments, with its help.
func newFlags(command string) *options { return newOptions(command, "", longHelp[command]) }

// Parse is parse for a command without arguments.
func (o *options) Parse(args []string) error {
	_, err := o.parse(args, 0, 0)
	return err
}

// parse reads args and returns those that are not flags, of which there must
// be at least least and at most most. On --help it writes the help and
// returns flag.ErrHelp, which is no failure.
func (o *options) parse(args []string, least, most int) ([]string, error) {
	var plain []string
	for len(args) > 0 {
		err := o.FlagSet.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			o.writeHelp(os.Stdout)
			return nil, flag.ErrHelp
		}
		if err != nil {
			return nil, o.explain(err)
		}
		rest := o.Args()
		if end := len(args) - len(rest); end > 0 && args[end-1] == "--" {
			plain = append(plain, rest...)
			break
		}
		if len(rest) > 0 {
			plain = append(plain, rest[0])
			rest = rest[1:]
		}
		args = rest
	}
	switch {
	case len(plain) < least:
		return nil, usage(o.Name(), "%s is missing", strings.Fields(o.arguments)[len(plain)])
	case len(plain) > most:
		return nil, usage(o.Name(), "unexpected argument %q", plain[most])
	}
	return plain, nil
}

// explain rewords package flag's errors.
func (o *options) explain(err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		text := strings.NewReplacer("flag needs an argument: -", "a value is missing after --", "for flag -", "for --", "boolean value", "value").Replace(err.Error())
		return usage(o.Name(), "%s", text)
	}
	var names []string
	o.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	if near := idp.Nearest(name, names); near != "" {
		return usage(o.Name(), "unknown flag --%s; did you mean --%s?", name, near)
	}
	return usage(o.Name(), "unknown flag --%s", name)
}

func (o *options) writeHelp(w io.Writer) {
	fmt.Fprintf(w, "Usage: %s\n\n%s\n", strings.Join(slices.DeleteFunc([]string{"idp", o.Name(), o.arguments, "[flags]"},
		func(s string) bool { return s == "" }), " "), o.help)
	heading := "\nFlags:\n"
	o.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		dashes := "--"
		if len(f.Name) == 1 {
			dashes = "-"
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" {
			text += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		fmt.Fprintf(w, "%s  %s\n        %s\n", heading, strings.TrimSpace(dashes+f.Name+" "+value), text)
		heading = ""
	})
}

// given reports whether the flag was set on the command line.
func (o *options) given(name string) bool {
	found := false
	o.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// configFlag adds --config.
func configFlag(o *options) *string {
	return o.String("config", "", "configuration `FILE` (default: $IDP_CONFIG, ./config.yaml, /etc/idp/config.yaml)")
}

// A list is the value of a flag that may be repeated.
type list []string

func (l *list) String() string { return fmt.Sprint([]string(*l)) }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

// dryRunFlag adds --dry-run.
func (o *options) dryRunFlag() *bool {
	return o.Bool("dry-run", false, "check everything and change nothing")
}
