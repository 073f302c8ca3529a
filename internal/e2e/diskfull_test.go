package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// O02: on a full disk people are asked to come back, the operator reads why, nothing that was
// acknowledged is lost, and service resumes by itself once there is room.
func TestFullDiskIs503AndNothingIsLost(t *testing.T) {
	t.Parallel()
	if err := exec.Command("unshare", "-m", "true").Run(); err != nil {
		t.Skipf("no mount namespace, and so no small disk: %v", err)
	}
	s := newSite(t, "")
	disk := filepath.Join(openTempDir(t), "disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	mount := `mount -t tmpfs -o size=120m,mode=0755 tmpfs "$0" && exec "$@"`
	p := s.serveBuiltIn(filepath.Join(disk, "pg"), "unshare", "-m", "sh", "-c", mount, disk)
	// The disk is mounted for that process alone, which shows it to us.
	seen := fmt.Sprintf("/proc/%d/root%s", p.Cmd.Process.Pid, disk)
	f := interrupt(p)
	granted := []reply{f.tokens}
	filler := filepath.Join(seen, "filler")
	fillUp(t, filler)

	// Others fill the segment of the log that was there already.
	var others sync.WaitGroup
	full := make(chan struct{})
	for range 8 {
		others.Go(func() {
			b, large := p.browser(), newRequest("rs256", "openid").form()
			large.Set("state", strings.Repeat("s", 3000))
			for {
				select {
				case <-full:
					return
				default:
					_, _ = b.do("GET", "/authorize?"+large.Encode(), "")
				}
			}
		})
	}
	refused := ""
	for deadline := time.Now().Add(60 * time.Second); refused == "" && time.Now().Before(deadline); {
		r, err := f.attempts()["authorize page"]()
		switch {
		case err != nil:
			t.Fatal(err)
		case r.status == http.StatusServiceUnavailable:
			if r.header.Get("Retry-After") == "" || !strings.Contains(r.body, "Nothing was changed; try again in a moment.") {
				t.Errorf("%v %s", r.header, r.body)
			}
			refused = r.body
		case r.status >= 500:
			t.Fatalf("%d %s", r.status, r.body)
		}
		// What was acknowledged meanwhile has to last.
		q := newRequest("eddsa", "openid offline_access")
		if code := tryCode(p, q); code != "" {
			if r, err := p.browser().do("POST", "/token", q.redeem(code).Encode(), "Content-Type", typeForm); err == nil && r.status == http.StatusOK {
				granted = append(granted, r)
			}
		}
		fillUp(t, filler)
	}
	close(full)
	others.Wait()
	if refused == "" {
		t.Fatal("the disk never got full")
	}
	eventually(t, "the log tells", 20*time.Second, func() bool {
		return strings.Contains(p.Written.String(), "disk full: the built-in database cannot write")
	})
	exhaustLog(t, fmt.Sprintf("host='%s/pg/run' port=5432 user=idp dbname=idp sslmode=disable", seen))
	if r, err := f.attempts()["authorize page"](); err != nil || r.status != http.StatusServiceUnavailable {
		t.Errorf("after PostgreSQL gave up: %d %v", r.status, err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	p.Await(readyLimit)
	eventually(t, "the log tells that there is room", 20*time.Second, func() bool {
		return strings.Contains(p.Written.String(), "there is room again")
	})
	t.Logf("%d grants were acknowledged", len(granted))
	for i, tokens := range granted {
		r := f.b.postForm("/token", refresh("eddsa", tokens.text("refresh_token")))
		if r.status != http.StatusOK {
			t.Errorf("grant %d is lost: %d %s", i, r.status, r.body)
		}
	}
	p.signIn("rs256", "openid")
}

// exhaustLog writes until the write-ahead log has no room either, on which PostgreSQL gives up.
func exhaustLog(t *testing.T, dsn string) {
	t.Helper()
	for i := range 20 {
		db, err := pgx.Connect(t.Context(), dsn)
		if err != nil && i == 0 {
			t.Fatal(err)
		} else if err != nil {
			return // it is down
		}
		_, err = db.Exec(t.Context(), "SELECT pg_logical_emit_message(true, 'filler', repeat('x', 4000000))")
		_ = db.Close(t.Context())
		if err != nil {
			return
		}
	}
	t.Error("the log never got full")
}

// tryCode signs in, if the disk still lets it.
func tryCode(p *process, q request) string {
	b := p.browser()
	r, err := b.do("GET", "/authorize?"+q.form().Encode(), "")
	if err != nil || r.status != http.StatusSeeOther {
		return ""
	}
	path := r.header.Get("Location")
	if r, err = b.do("GET", path, "", "Accept", typeJSON); err != nil || r.status != http.StatusOK {
		return ""
	}
	c := b.challengeAt(path)
	if r, err = b.do("POST", c.path()+"/verify", encode(b, b.answer(c)), "Content-Type", typeJSON); err != nil || r.status != http.StatusOK {
		return ""
	}
	_, code, _ := strings.Cut(r.text("redirect_to"), "code=")
	code, _, _ = strings.Cut(code, "&")
	return code
}

// fillUp leaves no room beside what the file system rounds up.
func fillUp(t *testing.T, file string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = io.Copy(f, io.LimitReader(zeros{}, 1<<30))
		f.Close()
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
