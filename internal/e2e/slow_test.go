package e2e

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/pgtest"
)

// drip opens a connection, sends the text and then a byte every so often, and
// returns what was answered, and how long it took until the server hung up.
func (p *process) drip(text string, every time.Duration) (answer string, took time.Duration) {
	p.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(p.base, "http://"))
	if err != nil {
		p.Error(err)
		return "", 0
	}
	defer connection.Close()
	began := time.Now()
	_ = connection.SetDeadline(began.Add(time.Minute))
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		if _, err := io.WriteString(connection, text); err != nil {
			return
		}
		for {
			select {
			case <-stop:
				return
			case <-time.After(every):
				if _, err := io.WriteString(connection, "a"); err != nil {
					return
				}
			}
		}
	}()
	got, err := io.ReadAll(connection)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.Errorf("still connected after %v", time.Since(began))
	}
	return string(got), time.Since(began)
}

// H03: whoever sends slowly is cut off, and keeps nobody else waiting meanwhile.
func TestSlowSendersAreCutOffAndHoldUpNobody(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	var group sync.WaitGroup
	for range 200 { // slowloris: headers without an end
		group.Go(func() {
			if _, took := p.drip("GET /authorize HTTP/1.1\r\nHost: x\r\nX-A: ", 500*time.Millisecond); took > 12*time.Second {
				t.Errorf("slow headers held a connection for %v", took)
			}
		})
	}
	for range 50 { // and bodies without one
		group.Go(func() {
			answer, took := p.drip("POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: "+typeForm+"\r\nContent-Length: 60000\r\n\r\ngrant_type=", time.Second)
			if took > 30*time.Second || strings.Contains(answer, "HTTP/1.1 5") {
				t.Errorf("a slow body held a connection for %v: %s", took, answer)
			}
		})
	}
	time.Sleep(time.Second) // until all of them are at it
	began := time.Now()
	p.signIn("rs256", "openid")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a sign-in took %v meanwhile", took)
	}
	group.Wait()
}

// H03: what is larger than any honest request is refused before it is read.
func TestOversizedRequestsAreRefused(t *testing.T) {
	t.Parallel()
	p := newSite(t, pgtest.DSN(t)).serve()
	b := p.browser()
	long := strings.Repeat("a", 1<<20)
	for name, got := range map[string]reply{
		"body":   b.send("POST", "/token", "grant_type="+long, "Content-Type", typeForm),
		"JSON":   b.send("POST", "/api/auth/verify-login", `{"authToken":"`+long+`"}`, "Content-Type", typeJSON),
		"header": b.send("GET", "/healthz", "", "X-Long", strings.Repeat("a", 60<<10)),
		"query":  b.send("GET", "/authorize?state="+strings.Repeat("a", 60<<10), ""),
	} {
		want := http.StatusRequestEntityTooLarge
		if name == "header" || name == "query" {
			want = http.StatusRequestHeaderFieldsTooLarge
		}
		if got.status != want {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	// A body without an announced length ends at the limit as well.
	connection, err := net.Dial("tcp", strings.TrimPrefix(p.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(20 * time.Second))
	go func() {
		_, _ = io.WriteString(connection, "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: "+typeForm+"\r\nTransfer-Encoding: chunked\r\n\r\n")
		for range 1000 {
			if _, err := io.WriteString(connection, "400\r\n"+strings.Repeat("a", 1024)+"\r\n"); err != nil {
				return // refused
			}
		}
	}()
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil || response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("chunked: %v %v", response, err)
	}
}
