package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A load is people who sign in all the time, at whichever replicas are in rotation. Each login
// must succeed, and so must the refresh that follows it, perhaps at another replica.
type load struct {
	testing.TB
	logins atomic.Int64 // that succeeded

	mu     sync.Mutex
	idle   *sync.Cond
	in     []*process       // in rotation
	busy   map[*process]int // logins under way
	turn   int
	failed []string
	ended  bool
	group  sync.WaitGroup
}

// newLoad begins with so many people at once, until the test or end ends it.
func newLoad(t testing.TB, people int, replicas ...*process) *load {
	l := &load{TB: t, in: replicas, busy: map[*process]int{}}
	l.idle = sync.NewCond(&l.mu)
	for range people {
		l.group.Go(func() {
			for l.login() {
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

// end waits for the last logins and reports those that failed.
func (l *load) end() {
	l.mu.Lock()
	was := l.ended
	l.ended = true
	l.mu.Unlock()
	l.group.Wait()
	if was {
		return
	}
	for i, f := range l.failed {
		if i < 5 {
			l.Errorf("a login failed: %.300s", f)
		}
	}
	if n := len(l.failed); n > 0 {
		l.Errorf("%d logins failed, %d succeeded", n, l.logins.Load())
	}
}

// more waits for further logins.
func (l *load) more(n int64) {
	l.Helper()
	enough := l.logins.Load() + n
	eventually(l, fmt.Sprintf("%d more logins", n), 60*time.Second, func() bool { return l.logins.Load() >= enough })
}

// use puts a replica into rotation; rest takes it out and waits until nobody is at it.
func (l *load) use(p *process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in = append(l.in, p)
}

func (l *load) rest(p *process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in = slices.DeleteFunc(l.in, func(q *process) bool { return q == p })
	for l.busy[p] > 0 {
		l.idle.Wait()
	}
}

// at lets do run at the replica whose turn it is; false if the load has ended.
func (l *load) at(do func(p *process)) bool {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return false
	}
	l.turn++
	p := l.in[l.turn%len(l.in)]
	l.busy[p]++
	l.mu.Unlock()
	do(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy[p]--
	l.idle.Broadcast()
	return true
}

func (l *load) login() bool {
	var err error
	var tokens reply
	goes := l.at(func(p *process) { tokens, err = p.tryLogin() })
	if goes && err == nil {
		goes = l.at(func(p *process) {
			var r reply
			r, err = p.browser().do("POST", "/token", refresh("es256", tokens.text("refresh_token")).Encode(), "Content-Type", typeForm)
			if err == nil && r.status != http.StatusOK {
				err = fmt.Errorf("refresh: %d %s", r.status, r.body)
			}
		})
	}
	switch {
	case err != nil:
		l.mu.Lock()
		l.failed = append(l.failed, err.Error())
		l.mu.Unlock()
		time.Sleep(50 * time.Millisecond) // it is reported, and need not fill the log
	case goes:
		l.logins.Add(1)
	}
	return goes
}

// tryLogin is signIn for any goroutine.
func (p *process) tryLogin() (tokens reply, err error) {
	q, b := newRequest("es256", "openid offline_access"), p.browser()
	step := func(name string, want int, method, target, body string, header ...string) (r reply) {
		if err != nil {
			return r
		}
		if r, err = b.do(method, target, body, header...); err == nil && r.status != want {
			err = fmt.Errorf("%s: %d %s", name, r.status, r.body)
		}
		return r
	}
	to := strings.TrimPrefix(step("authorize", http.StatusSeeOther, "GET", "/authorize?"+q.form().Encode(), "").header.Get("Location"), b.path())
	var c challenge
	page := step("challenge", http.StatusOK, "GET", to, "", "Accept", typeJSON)
	if err == nil {
		err = json.Unmarshal([]byte(page.body), &c)
	}
	if err != nil {
		return tokens, err
	}
	proof, err := json.Marshal(b.answer(c))
	verified := step("verify", http.StatusOK, "POST", to+"/verify", string(proof), "Content-Type", typeJSON)
	if err != nil {
		return tokens, err
	}
	callback, err := url.Parse(verified.text("redirect_to"))
	if err != nil {
		return tokens, err
	}
	tokens = step("token", http.StatusOK, "POST", "/token", q.redeem(callback.Query().Get("code")).Encode(), "Content-Type", typeForm)
	info := step("userinfo", http.StatusOK, "GET", "/userinfo", "", "Authorization", "Bearer "+tokens.text("access_token"))
	if err == nil && info.text("sub") != p.alice.AccountID {
		err = fmt.Errorf("userinfo: %s", info.body)
	}
	return tokens, err
}
