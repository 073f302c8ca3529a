package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
)

// scenarios are those that every subject plays.
var scenarios = []scenario{
	{name: "login", title: "Login: authorize, challenge, signature, token, userinfo", do: (*station).login},
	{name: "sso", title: "Login with an existing session: authorize, token, userinfo", prepare: (*station).login, do: (*station).again},
	{name: "client_credentials", title: "Client credentials", do: (*station).machineToken},
	{name: "refresh", title: "Refresh", prepare: (*station).login, do: (*station).rotate},
	{name: "introspect", title: "Introspection", prepare: (*station).login, do: (*station).introspect},
	{name: "userinfo", title: "Userinfo", prepare: (*station).login, do: (*station).userinfo},
	{name: "discovery", title: "Discovery", do: (*station).discovery},
	{name: "jwks", title: "JWKS", do: (*station).jwks},
}

// again is a sign-in of a browser that has a session.
func (t *station) again() error {
	if err := t.authorize(http.StatusSeeOther); err != nil {
		return err
	}
	code, err := t.code(string(t.location))
	if err != nil {
		return err
	}
	return t.redeem(code, t.account, &stopwatch{})
}

// abandon begins a login in a new browser, whose user then goes away.
func (t *station) abandon() error {
	t.cookies = t.cookies[:0]
	return t.authorize(http.StatusSeeOther)
}

func (t *station) machineToken() error {
	const form = "grant_type=client_credentials&scope=" + machineScope
	t.begin(http.MethodPost, "/token")
	t.out = append(append(t.out, t.machine...), "Content-Type: application/x-www-form-urlencoded\r\n"...)
	if err := t.send(http.StatusOK, []byte(form)); err != nil {
		return err
	}
	if len(member(t.body, "access_token")) == 0 {
		return errors.New("no access token")
	}
	return nil
}

// rotate spends the refresh token for its successor.
func (t *station) rotate() error {
	if err := t.post("/token", "grant_type=refresh_token&refresh_token="+string(t.refresh)); err != nil {
		return err
	}
	next := member(t.body, "refresh_token")
	if len(next) == 0 || bytes.Equal(next, t.refresh) || len(member(t.body, "access_token")) == 0 || len(member(t.body, "id_token")) == 0 {
		return fmt.Errorf("not refreshed: %.300s", t.body)
	}
	t.refresh = append(t.refresh[:0], next...)
	return nil
}

func (t *station) introspect() error {
	if err := t.post("/introspect", "token="+string(t.access)); err != nil {
		return err
	}
	if string(member(t.body, "sub")) != t.account {
		return fmt.Errorf("not active: %.300s", t.body)
	}
	return nil
}

func (t *station) discovery() error {
	return t.document("/.well-known/openid-configuration", "jwks_uri")
}

func (t *station) jwks() error { return t.document("/jwks", "kty") }

func (t *station) document(path, name string) error {
	t.begin(http.MethodGet, path)
	if err := t.send(http.StatusOK, nil); err != nil {
		return err
	}
	if member(t.body, name) == nil {
		return fmt.Errorf("%s: no %s in %.300s", path, name, t.body)
	}
	return nil
}
