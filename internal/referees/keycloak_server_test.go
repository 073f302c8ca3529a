package referees

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"near-idp/internal/trial"
)

// A keycloak is a server with its database in memory, and its admin REST API.
type keycloak struct {
	testing.TB
	*trial.Process
	home string
	base string
}

const (
	keycloakAdmin    = "admin"
	keycloakPassword = "referee"
	// quickJava suits what lives for a minute on a small machine.
	quickJava = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
)

func (k *keycloak) issuer(realm string) string { return k.base + "/realms/" + realm }

// keycloakHome is where scripts/keycloak.sh put the distribution.
func (r *referee) keycloakHome() string {
	r.Helper()
	if _, err := exec.LookPath("java"); err != nil {
		r.absent("there is no Java")
	}
	found, err := filepath.Glob("../../.cache/referees/keycloak-*")
	if err != nil {
		r.Fatal(err)
	}
	if len(found) != 1 {
		r.absent("scripts/keycloak.sh has not fetched it")
	}
	home, err := filepath.Abs(found[0])
	if err != nil {
		r.Fatal(err)
	}
	r.version = strings.TrimPrefix(filepath.Base(home), "keycloak-")
	return home
}

// newKeycloak starts the server, which takes a while.
func newKeycloak(r *referee) *keycloak {
	r.Helper()
	port := trial.FreePort(r)
	k := &keycloak{TB: r, home: r.keycloakHome(), base: fmt.Sprintf("http://127.0.0.1:%d", port)}
	cmd := exec.CommandContext(context.Background(), filepath.Join(k.home, "bin", "kc.sh"), "start", "--optimized",
		"--cache=local", "--http-enabled=true", "--hostname="+k.base, "--http-host=127.0.0.1", fmt.Sprintf("--http-port=%d", port))
	cmd.Env = append(os.Environ(), "KC_BOOTSTRAP_ADMIN_USERNAME="+keycloakAdmin, "KC_BOOTSTRAP_ADMIN_PASSWORD="+keycloakPassword,
		"JAVA_OPTS=-Xms128m -Xmx512m "+quickJava)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the script waits for Java
	k.Process = trial.Start(r, cmd, 4*time.Minute, trial.Answers(http.DefaultClient, k.base+"/realms/master"))
	return k
}

// admin calls the admin REST API; into takes its JSON unless it is nil.
func (k *keycloak) admin(method, path string, body, into any) {
	k.Helper()
	var sent bytes.Buffer
	if err := json.NewEncoder(&sent).Encode(body); err != nil {
		k.Fatal(err)
	}
	request, err := http.NewRequestWithContext(k.Context(), method, k.base+"/admin/realms"+path, &sent)
	if err != nil {
		k.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+k.token())
	k.exchange(request, into)
}

// token is one of the administrator, which is good for a minute.
func (k *keycloak) token() string {
	k.Helper()
	form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {keycloakAdmin}, "password": {keycloakPassword}}
	request, err := http.NewRequestWithContext(k.Context(), http.MethodPost, k.base+"/realms/master/protocol/openid-connect/token", strings.NewReader(form.Encode()))
	if err != nil {
		k.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		Token string `json:"access_token"`
	}
	k.exchange(request, &answer)
	return answer.Token
}

func (k *keycloak) exchange(request *http.Request, into any) {
	k.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		k.Fatal(err)
	}
	defer response.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(response.Body); err != nil {
		k.Fatal(err)
	}
	if response.StatusCode >= 300 {
		k.Fatalf("%s %s: %s %s", request.Method, request.URL, response.Status, text.String())
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(text.Bytes(), into); err != nil {
		k.Fatalf("%s %s: %v", request.Method, request.URL, err)
	}
}
