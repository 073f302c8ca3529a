package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// The scripts ask this program for the words that may come next, so that they are never
// older than it.
var completions = map[string]string{
	"bash": `_idp() {
  local word=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=($(compgen -W "$(idp completion words -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$word" 2>/dev/null)" -- "$word"))
  if [[ ${#COMPREPLY[@]} -eq 0 && $word != -* ]]; then COMPREPLY=($(compgen -f -- "$word")); fi
}
complete -F _idp idp
`,
	"zsh": `#compdef idp
_idp() {
  local -a candidates
  candidates=(${(f)"$(idp completion words -- "${words[@]:1:$((CURRENT-1))}" 2>/dev/null)"})
  if (( ${#candidates} )); then compadd -- $candidates; else _files; fi
}
compdef _idp idp
`,
	"fish": `complete -c idp -f -a '(idp completion words -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
complete -c idp -n 'string match -q -- "-*" (commandline -ct)' -a '(idp completion words -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
complete -c idp -n 'string match -qr -- "^--(config|secret-file|jwks-file|ca)$|^-f$" (commandline -opc)[-1]' -F
`,
}

func runCompletion(ctx context.Context, args []string) error {
	o := newOptions("completion", "bash|zsh|fish", `
Prints a script that makes the shell complete commands and flags with Tab.

Examples:
  source <(idp completion bash)
  idp completion bash > /etc/bash_completion.d/idp
  idp completion zsh > "${fpath[1]}/_idp"
  idp completion fish > ~/.config/fish/completions/idp.fish`)
	plain, err := o.parse(args, 1, 100)
	if err != nil {
		return err
	}
	if plain[0] == "words" {
		for _, word := range candidates(ctx, plain[1:]) {
			fmt.Println(word)
		}
		return nil
	}
	script, known := completions[plain[0]]
	if !known || len(plain) > 1 {
		return usage(o.Name(), "name one shell: bash, zsh or fish")
	}
	fmt.Print(script)
	return nil
}

// candidates are the words that the last of words may become.
func candidates(ctx context.Context, words []string) []string {
	if len(words) == 0 {
		words = []string{""}
	}
	before, last := words[:len(words)-1], words[len(words)-1]
	var list []string
	for _, c := range commands() {
		name := strings.Fields(c.name)
		if len(name) > len(before) && slices.Equal(name[:len(before)], before) {
			list = append(list, name[len(before)])
		} else if len(name) <= len(before) && slices.Equal(name, before[:len(name)]) && strings.HasPrefix(last, "-") {
			list = append(list, flagsOf(ctx, name)...)
		}
	}
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(word string) bool { return !strings.HasPrefix(word, last) })
}

// flagsOf reads the flags of a command from its help.
func flagsOf(ctx context.Context, command []string) (list []string) {
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	help, err := exec.CommandContext(ctx, self, append(slices.Clone(command), "--help")...).Output()
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(help)) {
		if name, isFlag := strings.CutPrefix(line, "  -"); isFlag {
			list = append(list, "-"+strings.Fields(name)[0])
		}
	}
	return list
}
