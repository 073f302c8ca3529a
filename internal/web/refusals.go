package web

import (
	"net/http"
	"regexp"

	"near-idp/internal/login"
	"near-idp/internal/text"
)

// A sentence is how a reason to refuse a login is told. {account} and
// {network} are filled in.
type sentence struct {
	status  int
	heading text.Message
	text    text.Message
}

// refusals tells every login.Reason: 400 for what cannot be read, 403 for a
// proof that does not hold, 422 for accounts and keys that can never sign in here.
var refusals = map[login.Reason]sentence{
	login.NotFound: {http.StatusNotFound, "This sign-in does not exist",
		"There is no such sign-in request, or it is long over. Go back to the application and start again."},
	login.WrongBrowser: {http.StatusForbidden, "Continue in the browser where you started",
		"This sign-in was started in another browser, and only that one can finish it. Go back there, or start again from the application here."},
	login.Expired: {http.StatusGone, "This request expired",
		"A sign-in request is good for a few minutes only. Start again to get a new one."},
	login.Used: {http.StatusConflict, "This sign-in is over",
		"This sign-in request was already used or cancelled. Go back to the application and start again."},
	login.TooManyAttempts: {http.StatusTooManyRequests, "Too many attempts",
		"This sign-in request took too many wrong answers. Go back to the application and start again."},
	login.Malformed: {http.StatusBadRequest, "The answer could not be read",
		"No signature could be read from what was sent. Try again, or use another wallet."},
	login.InvalidAccountID: {http.StatusBadRequest, "Not a NEAR account",
		"The wallet answered with an account name that NEAR does not allow. Choose another account or wallet."},
	login.InvalidPublicKey: {http.StatusBadRequest, "The key could not be read",
		"The wallet answered with a public key that is not in the form ed25519:…. Try another wallet."},
	login.UnsupportedKeyType: {http.StatusUnprocessableEntity, "This kind of key cannot sign in",
		"Only ed25519 keys can be used to sign in. Choose a wallet or an account that has one."},
	login.InvalidSignatureEncoding: {http.StatusBadRequest, "The signature could not be read",
		"The wallet answered with a signature in a form that is not known here. Try again, or use another wallet."},
	login.BadSignature: {http.StatusForbidden, "The signature does not match",
		"The wallet signed something else than this request, or with another key than it named. Try again."},
	login.WrongNonce: {http.StatusForbidden, "That was for another request",
		"The wallet answered a request that was not issued here. Start again and sign the request that is shown then."},
	login.WrongRecipient: {http.StatusForbidden, "Signed for somebody else",
		"The wallet's answer names another recipient than this service. If another site asked you to sign it, do not go on."},
	login.WrongMessage: {http.StatusForbidden, "Another message was signed",
		"The wallet signed another message than the one of this request. Try again and compare the short code."},
	login.WrongCallback: {http.StatusForbidden, "Signed for another address",
		"The wallet's answer names another return address than this service. If another site asked you to sign it, do not go on."},
	login.StateMismatch: {http.StatusForbidden, "The answer belongs elsewhere",
		"The wallet's answer belongs to another sign-in than this one. Go back to the application and start again."},
	login.DifferentProof: {http.StatusConflict, "Another account has answered",
		"This sign-in request was already answered with another account or key. Go back to the application and start again."},
	login.AccountNotFound: {http.StatusUnprocessableEntity, "No such account",
		"{account} does not exist on {network} yet. Choose another account, or fund this one first."},
	login.KeyNotFound: {http.StatusForbidden, "The key is not on this account",
		"The key that signed is not a key of {account} on {network}. Choose the account that the key belongs to."},
	login.NotFullAccess: {http.StatusForbidden, "This key cannot be used to sign in",
		"The key that signed has only limited access to {account}. Sign with a full-access key."},
	login.WrongNetwork: {http.StatusForbidden, "That account is on another network",
		"{account} does not exist on {network}. Switch the wallet to {network}, or choose an account there."},
	login.WrongAccount: {http.StatusForbidden, "Another account is expected",
		"This sign-in is for a certain account, and {account} is not it. Choose the account that was asked for."},
	login.AccessDenied: {http.StatusForbidden, "This account has no access",
		"{account} may not sign in to this application. Use another account, or ask whoever runs the application for access."},
	login.AccountBlocked: {http.StatusForbidden, "This account is blocked",
		"{account} cannot sign in here: the operator of this service has blocked it. Use another account, or ask the operator."},
	login.AccountTypeUnsupported: {http.StatusUnprocessableEntity, "This kind of account cannot sign in",
		"{account} is of a kind that has no keys of its own to sign with. Choose another account."},
	login.RPCUnavailable: {http.StatusServiceUnavailable, "The NEAR network is not answering",
		"Your signature is fine, but {network} could not be asked about your key. Try again in a moment; you need not sign again."},
}

// refusal renders a reason for the reader. One that the table does not know, which a test
// rules out, is still a refusal.
func (s *server) refusal(reader *text.Printer, refusal *login.Refusal) failure {
	told, ok := refusals[refusal.Reason]
	if !ok {
		told = sentence{http.StatusForbidden, "Sign-in refused", "The sign-in was refused."}
	}
	f := failure{
		Status: told.status, Code: string(refusal.Reason), Heading: told.heading,
		Text: told.text, Args: []string{"account", nameAccount(reader, refusal.AccountID), "network", s.networkName()},
	}
	f.Refused = refusal.Reason != login.RPCUnavailable
	if !f.Refused {
		f.Retryable, f.RetryAfter = true, retryRPC
	}
	return f
}

// The characters and length of an account id: enough to show one, or to put it into a command.
var accountSyntax = regexp.MustCompile(`^[a-z0-9._-]{2,64}$`)

// nameAccount keeps whatever else was sent as an account out of our sentences.
func nameAccount(reader *text.Printer, account string) string {
	if accountSyntax.MatchString(account) {
		return account
	}
	return reader.T("That account")
}

func (s *server) networkName() string {
	switch s.Network {
	case "mainnet":
		return "NEAR mainnet"
	case "testnet":
		return "NEAR testnet"
	}
	return "NEAR " + s.Network
}
