package ha

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// A ledger is what the provider acknowledged, and what it did that it must not do.
type ledger struct {
	mu         sync.Mutex
	wrong      []string
	codes      map[string]string // the code of each login
	redeemed   map[string]bool   // codes that were answered with tokens
	successors map[string]string // of each refresh token
	tokens     map[string]bool   // ids of access tokens
	phase      *phase
}

// A grant is what an application was given and relies on.
type grant struct {
	account         string
	access, refresh string
	rotations       int
	dead            bool // the provider acknowledged its end
}

// A phase is one fault, and what clients saw of it.
type phase struct {
	name                         string
	requests, unavailable, cut   int
	logins, refreshes, lostCodes int
	began, ended                 time.Time
	lastLogin, lastAny, lastNot  time.Time
	outage, loginOutage          time.Duration
}

func newLedger() *ledger {
	return &ledger{codes: map[string]string{}, redeemed: map[string]bool{}, successors: map[string]string{}, tokens: map[string]bool{}, phase: &phase{}}
}

// begin begins a phase and returns the one before.
func (l *ledger) begin(name string) (before *phase) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, l.phase = l.phase, &phase{name: name, began: time.Now(), lastLogin: time.Now(), lastAny: time.Now()}
	before.ended = time.Now()
	before.outage = max(before.outage, before.ended.Sub(before.lastAny))
	before.loginOutage = max(before.loginOutage, before.ended.Sub(before.lastLogin))
	return before
}

// note changes the phase's counts.
func (l *ledger) note(change func(p *phase, now time.Time)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l.phase, time.Now())
}

func (p *phase) succeeded(now time.Time) {
	p.outage, p.lastAny = max(p.outage, now.Sub(p.lastAny)), now
}

func (p *phase) signedIn(now time.Time) {
	p.logins++
	p.loginOutage, p.lastLogin = max(p.loginOutage, now.Sub(p.lastLogin)), now
}

// wrongf records what must not be.
func (l *ledger) wrongf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, l.phase.name+": "+fmt.Sprintf(format, args...))
}

// problems are the first of what must not be.
func (l *ledger) problems() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.wrong[:min(len(l.wrong), 20)], "\n")
}

// coded takes down the code that a login was answered with: a retry is given the same.
func (l *ledger) coded(login, code string) {
	l.mu.Lock()
	before, known := l.codes[login]
	l.codes[login] = code
	l.mu.Unlock()
	if known && before != code {
		l.wrongf("login %s has two codes", login)
	}
}

// issued takes down tokens that a code was answered with.
func (l *ledger) issued(code, tokenID string) {
	l.mu.Lock()
	twice, repeated := l.redeemed[code], l.tokens[tokenID]
	l.redeemed[code], l.tokens[tokenID] = true, true
	l.mu.Unlock()
	if twice {
		l.wrongf("a code was redeemed twice")
	}
	if repeated {
		l.wrongf("access token %s was issued twice", tokenID)
	}
}

// rotated takes down the successor of a refresh token, of which there is one.
func (l *ledger) rotated(token, successor, tokenID string) {
	l.mu.Lock()
	before, known := l.successors[token]
	twice := l.tokens[tokenID]
	l.successors[token], l.tokens[tokenID] = successor, true
	l.mu.Unlock()
	if known && before != successor {
		l.wrongf("a refresh token has two successors")
	}
	if token == successor {
		l.wrongf("a refresh token did not rotate")
	}
	if twice {
		l.wrongf("access token %s was issued twice", tokenID)
	}
}

// table is what people read.
func table(phases []*phase) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-34s %6s %8s %6s %9s %5s %5s %6s %14s %14s\n", "phase", "s", "requests", "logins", "refreshes", "503", "cut", "codes", "longest without", "longest without")
	fmt.Fprintf(&b, "%-34s %6s %8s %6s %9s %5s %5s %6s %14s %14s\n", "", "", "", "", "", "", "", "lost", "any success", "a login")
	for _, p := range slices.DeleteFunc(slices.Clone(phases), func(p *phase) bool { return p.name == "" }) {
		fmt.Fprintf(&b, "%-34s %6.1f %8d %6d %9d %5d %5d %6d %14.2fs %14.2fs\n", p.name, p.ended.Sub(p.began).Seconds(),
			p.requests, p.logins, p.refreshes, p.unavailable, p.cut, p.lostCodes, p.outage.Seconds(), p.loginOutage.Seconds())
	}
	return b.String()
}
