package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"near-idp/internal/login"
)

const cliOutput = `{
  "accountId": "alice.testnet",
  "publicKey": "ed25519:KEY",
  "signature": "ed25519:SIG"
}`

func TestCLIOutputIsFoundInTerminalNoise(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"bare":                cliOutput,
		"with a prompt":       "$ near message sign-nep413 utf8 'x' {\n" + cliOutput + "\n$ ",
		"after another":       `{"level":"info"} {not json} ` + cliOutput,
		"windows line ends":   strings.ReplaceAll(cliOutput, "\n", "\r\n"),
		"colours":             "\x1b[1;32mSigned:\x1b[0m\n\x1b[38;5;12m" + strings.ReplaceAll(cliOutput, `"`, "\x1b[33m\"\x1b[0m") + "\x1b[0m",
		"a terminal's title":  "\x1b]0;near {\x07" + cliOutput + "\x1b]8;;https://x\x1b\\",
		"wrapped in a string": strings.ReplaceAll(cliOutput, "alice.testnet", "alice.te\r\nstnet"),
		"extra members":       strings.Replace(cliOutput, "{", `{"nested":{"signature":"no"},`, 1),
	} {
		s := newSite(t)
		w := s.send("POST", "/login/"+testID+"/paste", url.Values{"output": {text}}.Encode(), asForm, withCookie)
		if w.Code != 303 || w.Header().Get("Location") != "/continue/"+testID {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
		want := login.Answer{AccountID: "alice.testnet", PublicKey: "ed25519:KEY", Signature: "ed25519:SIG", Wallet: "near-cli"}
		if s.answered != want {
			t.Errorf("%s: %+v", name, s.answered)
		}
	}
}

func TestHostilePasteIsCheap(t *testing.T) {
	t.Parallel()
	start := time.Now()
	for _, text := range []string{
		"", "no object", "{}", `{"signature"`, `{"signature":1}`, `{"signature":{}}`, `["signature"]`, `"signature"`,
		strings.Repeat("{", maxLoginBody), strings.Repeat(`{"a":`, maxLoginBody/5), strings.Repeat("\x1b]", maxLoginBody/2), "\x00\xff{\u202e",
	} {
		if found, ok := signedOutput(text); ok {
			if _, err := found.answer(); err == nil {
				t.Errorf("%.40q: found %v", text, found)
			}
		}
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestRefusedPasteShowsTheLoginPageAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.verifyErr = &login.Refusal{Reason: login.KeyNotFound, AccountID: "alice.testnet"}
	body := url.Values{"output": {cliOutput}}.Encode()
	w := s.send("POST", "/login/"+testID+"/paste", body, asForm, withCookie)
	if page := w.Body.String(); w.Code != 403 || !strings.Contains(page, "is not a key of alice.testnet on NEAR testnet") || !strings.Contains(page, "/login/"+testID+"/paste") {
		t.Errorf("%d %s", w.Code, page)
	}
	s.verifyErr = &login.Refusal{Reason: login.RPCUnavailable}
	w = s.send("POST", "/login/"+testID+"/paste", body, asForm, withCookie)
	if w.Code != 503 || !strings.Contains(w.Body.String(), "ed25519:SIG") {
		t.Errorf("an outage loses what was pasted: %d", w.Code)
	}
}
