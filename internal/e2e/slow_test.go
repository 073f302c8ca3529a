package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/pgtest"
)

// drip opens a connection, sends the text and then a byte every so often, and
// returns what was answered, and how long it took until the server hung up.
func (p *process) drip(address, text string, every time.Duration) (answer string, took time.Duration) {
	p.Helper()
	connection, err := net.Dial("tcp", address)
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
	s := newSite(t, pgtest.DSN(t))
	s.admin = fmt.Sprintf("http://admin.localhost:%d", freePort(t))
	s.ops = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	p := s.serve()
	public, beside := strings.TrimPrefix(p.base, "http://"), s.adminAddress()
	var group sync.WaitGroup
	for i := range 200 { // slowloris: headers without an end
		group.Go(func() {
			address := []string{public, public, beside, s.ops}[i%4]
			if _, took := p.drip(address, "GET /authorize HTTP/1.1\r\nHost: x\r\nX-A: ", 500*time.Millisecond); took > 12*time.Second {
				t.Errorf("slow headers held a connection for %v", took)
			}
		})
	}
	for i := range 50 { // and bodies without one
		group.Go(func() {
			address, path := public, "/token"
			if i%4 == 0 {
				address, path = beside, "/admin/v1/clients"
			}
			answer, took := p.drip(address, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Type: "+typeForm+"\r\nContent-Length: 60000\r\n\r\ngrant_type=", time.Second)
			if took > 30*time.Second || strings.Contains(answer, "HTTP/1.1 5") {
				t.Errorf("a slow body held a connection for %v: %s", took, answer)
			}
		})
	}
	time.Sleep(time.Second) // until all of them are at it
	began := time.Now()
	p.signIn("rs256", "openid")
	if r, err := http.Get("http://" + s.ops + "/metrics"); err != nil || r.StatusCode != http.StatusOK {
		t.Errorf("metrics meanwhile: %v %v", r, err)
	}
	if r := p.browser().send("GET", "http://"+beside+"/admin/v1/self", ""); r.status != http.StatusUnauthorized {
		t.Errorf("the admin side meanwhile: %d %s", r.status, r.body)
	}
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
		"cookie": b.send("GET", "/healthz", "", "Cookie", "idp_session="+strings.Repeat("a", 60<<10)),
		"lines":  b.send("GET", "/healthz", "", slices.Repeat([]string{"X-A", "a"}, 12_000)...),
	} {
		want := http.StatusRequestEntityTooLarge
		if slices.Contains([]string{"header", "query", "cookie", "lines"}, name) {
			want = http.StatusRequestHeaderFieldsTooLarge
		}
		if got.status != want {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	// What fits is read, however much is in it, and costs no more than it should.
	for name, form := range map[string]string{
		"parameters": strings.Repeat("a=b&", 16_000), "names": manyNames(8000), "one parameter": strings.Repeat("client_id=a&", 5000), "percents": strings.Repeat("%61", 20_000),
	} {
		began := time.Now()
		if r := b.send("POST", "/token", form, "Content-Type", typeForm); r.status < 400 || r.status > 499 || time.Since(began) > 2*time.Second {
			t.Errorf("%s: %d after %v", name, r.status, time.Since(began))
		}
	}
	if r := b.send("POST", "/api/auth/verify-login", strings.Repeat(`{"a":`, 2000)+"1"+strings.Repeat("}", 2000), "Content-Type", typeJSON); r.status != http.StatusBadRequest {
		t.Errorf("deep JSON: %d %s", r.status, r.body)
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

// manyNames is a form of different parameters.
func manyNames(n int) string {
	var form strings.Builder
	for i := range n {
		fmt.Fprintf(&form, "%x=&", i)
	}
	return form.String()
}
