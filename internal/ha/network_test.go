package ha

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"near-idp/internal/trial"
)

// A network is what lies between the replicas and the database's servers: toxiproxy.
type network struct {
	testing.TB
	api string
}

func newNetwork(t *testing.T, program string) *network {
	t.Helper()
	port := trial.FreePort(t)
	n := &network{t, fmt.Sprintf("http://127.0.0.1:%d", port)}
	cmd := exec.Command(program, "-host", "127.0.0.1", "-port", fmt.Sprint(port))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	trial.Start(t, cmd, 10*time.Second, trial.Answers(http.DefaultClient, n.api+"/version"))
	return n
}

func (n *network) send(method, path string, body any) {
	n.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		n.Fatal(err)
	}
	request, err := http.NewRequest(method, n.api+path, bytes.NewReader(text))
	if err != nil {
		n.Fatal(err)
	}
	request.Header.Set("User-Agent", "harness")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		n.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		said, _ := io.ReadAll(response.Body)
		n.Fatalf("toxiproxy: %s %s: %s %s", method, path, response.Status, said)
	}
}

// link leads from a new address to a server and returns the address.
func (n *network) link(name, server string) string {
	n.Helper()
	addr := fmt.Sprintf("127.0.0.1:%d", trial.FreePort(n))
	n.send("POST", "/proxies", map[string]any{"name": name, "listen": addr, "upstream": server, "enabled": true})
	return addr
}

// cut ends every connection of a link and refuses new ones, or lets them through again.
func (n *network) cut(name string, isCut bool) {
	n.Helper()
	n.send("POST", "/proxies/"+name, map[string]any{"enabled": !isCut})
}

// swallow lets a link's packets vanish both ways without a word.
func (n *network) swallow(name string) {
	n.Helper()
	for _, stream := range []string{"upstream", "downstream"} {
		n.send("POST", "/proxies/"+name+"/toxics", map[string]any{"name": stream, "type": "timeout", "stream": stream, "attributes": map[string]int{"timeout": 0}})
	}
}

// slow delays what a link carries back.
func (n *network) slow(name string, latency, jitter time.Duration) {
	n.Helper()
	n.send("POST", "/proxies/"+name+"/toxics", map[string]any{"name": "downstream", "type": "latency", "stream": "downstream",
		"attributes": map[string]int64{"latency": latency.Milliseconds(), "jitter": jitter.Milliseconds()}})
}

// mend undoes swallow and slow.
func (n *network) mend(name string, streams ...string) {
	n.Helper()
	for _, stream := range streams {
		n.send("DELETE", "/proxies/"+name+"/toxics/"+stream, nil)
	}
}
