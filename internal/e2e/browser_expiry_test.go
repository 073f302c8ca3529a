package e2e

import (
	"path"
	"strings"
	"testing"
	"time"

	"near-idp/internal/pgtest"

	"github.com/chromedp/chromedp"
	"github.com/jackc/pgx/v5/pgxpool"
)

// TestExpiry lets the time of logins run out, on the database's clock.
func TestExpiry(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	p := newSite(t, pool.Config().ConnString()).serve()
	for name, test := range map[string]func(e expiring){
		"an untouched page renews itself":                    renewsItself,
		"a page that renewed itself three times asks first":  renewsByHand,
		"a page somebody types into asks before it renews":   renewsNotWhileTyping,
		"a wallet that takes too long is closed":             walletTooLate,
		"a page that comes back late starts again":           comesBackLate,
		"a redirect wallet that takes too long starts again": redirectTooLate,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(expiring{newProfile(t, p), pool})
		})
	}
}

type expiring struct {
	*profile
	pool *pgxpool.Pool
}

// leave gives the login in the window so much time and opens it again.
func (e expiring) leave(left time.Duration, renewals int) (login string) {
	e.Helper()
	login = e.first.location()
	e.expire(login, left, renewals)
	e.first.must(chromedp.Reload())
	return login
}

func (e expiring) expire(login string, left time.Duration, renewals int) {
	e.Helper()
	id := path.Base(strings.TrimSuffix(login, "/cb"))
	done, err := e.pool.Exec(e.Context(), "UPDATE logins SET expires_at = now() + $2, renewals = $3 WHERE id = $1", id, left, renewals)
	if err != nil || done.RowsAffected() != 1 {
		e.Fatalf("%v, %v", done, err)
	}
}

// another waits for the page of a login that succeeds this one.
func (w *window) another(login string) {
	w.Helper()
	w.until(`location.href.includes("/login/") && location.href !== ` + quoted(login) + ` && document.readyState === "complete"`)
	w.shows("choose")
}

func renewsItself(e expiring) {
	e.first.installs("nightly")
	q := e.first.begin()
	login := e.leave(2*time.Second, 0)
	e.first.another(login)
	e.first.choose("nightly")
	e.signedIn(q)
}

func renewsByHand(e expiring) {
	e.first.installs("nightly")
	q := e.first.begin()
	login := e.leave(2*time.Second, 3)
	e.first.shows("expired")
	e.first.told()
	e.first.press("renew")
	e.first.another(login)
	e.first.choose("nightly")
	e.signedIn(q)
}

func renewsNotWhileTyping(e expiring) {
	e.first.begin()
	e.leave(3*time.Second, 0)
	e.first.must(chromedp.Evaluate[chromedp.Void](`document.querySelector("#cli").value = "half"`))
	e.first.shows("expired")
	e.first.told()
}

func walletTooLate(e expiring) {
	q := e.first.begin()
	login := e.leave(4*time.Second, 0)
	e.first.shows("choose")
	wallet := e.first.opens("meteor", meteorWallet)
	e.first.shows("expired")
	e.first.told()
	wallet.vanishes()
	e.first.press("renew")
	e.first.another(login)
	e.first.opens("meteor", meteorWallet).click("#approve:enabled")
	e.signedIn(q)
}

func comesBackLate(e expiring) {
	e.first.begin()
	login := e.leave(-time.Second, 0)
	e.first.shows("expired")
	e.first.press("renew")
	e.first.another(login)
}

func redirectTooLate(e expiring) {
	e.first.phone()
	q := e.first.begin()
	login := e.first.location()
	e.uses(myNearWallet)
	e.first.choose("mynearwallet")
	e.first.at(myNearWalletOrigin + "/sign-message?")
	e.expire(login, -time.Second, 0)
	e.first.click("#approve")
	e.first.shows("expired")
	e.first.told()
	e.first.press("renew")
	e.first.another(login)
	e.first.choose("mynearwallet")
	e.first.at(myNearWalletOrigin + "/sign-message?")
	e.first.click("#approve")
	e.signedIn(q)
}
