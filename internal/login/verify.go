package login

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/near"
)

// An Answer is what came back from a wallet, as it came. None of it is
// trusted: the payload is rebuilt from the login's own row. The zero Answer
// asks to go on with a proof that was kept when the chain could not be asked.
type Answer struct {
	AccountID string
	PublicKey string
	Signature string
	State     *string // nil if the wallet dropped it, as most do
	Wallet    string  // informative
	Token     string  // a near-sign-verify authToken, instead of all of the above
	Session   string  // the secret of the browser's session until now, which the new one replaces
}

// empty reports that the answer has no signature of its own.
func (a Answer) empty() bool {
	return a.AccountID == "" && a.PublicKey == "" && a.Signature == "" && a.Token == ""
}

// An Outcome is a login that succeeded.
type Outcome struct {
	Login    *idp.Login
	Identity idp.Identity
	// SessionSecret is the new session cookie's value. It is empty when the
	// same proof arrives again: the session was handed out before.
	SessionSecret  idp.Secret
	SessionExpires time.Time
}

// Session is the new session; nil without a SessionSecret.
func (o *Outcome) Session() *idp.Session {
	if o.SessionSecret == "" {
		return nil
	}
	return &idp.Session{Hash: hashOf(string(o.SessionSecret)), Identity: o.Identity, ExpiresAt: o.SessionExpires}
}

// Verify judges the answer to a login that Find returned. The same proof sent
// twice succeeds twice with the same code; a different one is refused. Errors
// are *Refusal or *limit.Exceeded, or wrap idp.ErrUnavailable.
func (s *Service) Verify(ctx context.Context, l *idp.Login, answer Answer) (*Outcome, error) {
	if l.ConsumedAt.IsZero() {
		if !s.Now().Before(l.ExpiresAt) {
			return nil, refuse(Expired, l, nil)
		}
		if l.Attempts >= maxAttempts {
			return nil, refuse(TooManyAttempts, l, nil)
		}
	}
	proven, err := s.prove(l, answer)
	if err == nil && !l.ConsumedAt.IsZero() {
		return s.again(l, proven.Proof)
	}
	if err == nil {
		err = s.authorise(ctx, l, proven)
	}
	if err != nil {
		return nil, s.refused(ctx, l, err)
	}
	if l.Handoff != "" {
		return s.handOver(ctx, l, proven.Proof)
	}
	return s.finish(ctx, l, proven.Proof, s.Now(), answer.Session)
}

// A proven answer: the signature fits the login. The key may still be nobody's.
type proven struct {
	idp.Proof
	account near.AccountID
	key     near.PublicKey
}

// prove checks everything that needs neither the chain nor the database.
func (s *Service) prove(l *idp.Login, answer Answer) (*proven, error) {
	if l.Denied {
		return nil, refuse(Used, l, nil)
	}
	if answer.empty() {
		return s.kept(l)
	}
	if answer.Token != "" {
		if err := readToken(l, &answer); err != nil {
			return nil, err
		}
	}
	if answer.State != nil && subtle.ConstantTimeCompare([]byte(*answer.State), []byte(l.State)) != 1 {
		return nil, refuse(StateMismatch, l, nil)
	}
	p, err := parseKey(l, answer.AccountID, answer.PublicKey)
	if err != nil {
		return nil, err
	}
	signature, err := near.ParseSignature(answer.Signature)
	if err != nil {
		return nil, &Refusal{InvalidSignatureEncoding, l, answer.AccountID, err}
	}
	payload := near.Payload{Message: l.Message, Nonce: l.Nonce, Recipient: l.Recipient, CallbackURL: &l.CallbackURL}
	bound, err := payload.VerifyIssued(p.key, signature)
	if err != nil {
		return nil, &Refusal{BadSignature, l, answer.AccountID, err}
	}
	if l.Proof != nil && (l.Proof.AccountID != p.AccountID || l.Proof.PublicKey != p.PublicKey) {
		return nil, &Refusal{DifferentProof, l, answer.AccountID, nil}
	}
	p.CallbackBound, p.Signature = bound, signature
	p.Wallet = wallet(answer.Wallet)
	return p, nil
}

// kept returns the proof that an outage left behind. Only the browser that
// began the login may go on with it: a login without a browser is bound by nothing but what its holder can show again.
func (s *Service) kept(l *idp.Login) (*proven, error) {
	if l.Proof == nil || l.BrowserHash == nil {
		return nil, refuse(Malformed, l, errors.New("no signature in the request"))
	}
	p, err := parseKey(l, l.Proof.AccountID, l.Proof.PublicKey)
	if err != nil {
		return nil, err
	}
	p.Proof = *l.Proof
	return p, nil
}

func parseKey(l *idp.Login, accountID, publicKey string) (*proven, error) {
	account, err := near.ParseAccountID(accountID)
	if err != nil {
		return nil, refuse(InvalidAccountID, l, err)
	}
	key, err := near.ParsePublicKey(publicKey)
	if errors.Is(err, near.ErrUnsupportedKeyType) {
		return nil, &Refusal{UnsupportedKeyType, l, accountID, err}
	}
	if err != nil {
		return nil, &Refusal{InvalidPublicKey, l, accountID, err}
	}
	return &proven{idp.Proof{AccountID: string(account), PublicKey: key.String()}, account, key}, nil
}

// readToken takes the answer out of an authToken. What the token repeats of
// the challenge decides nothing (the signature does), but tells what went wrong.
func readToken(l *idp.Login, answer *Answer) error {
	t, err := near.ParseAuthToken(answer.Token)
	if err != nil {
		return refuse(Malformed, l, err)
	}
	for _, field := range []struct {
		wrong  bool
		reason Reason
	}{
		{t.Nonce != l.Nonce, WrongNonce},
		{t.Recipient != l.Recipient, WrongRecipient},
		{t.Message != l.Message, WrongMessage},
		{t.CallbackURL != nil && *t.CallbackURL != l.CallbackURL, WrongCallback},
	} {
		if field.wrong {
			return &Refusal{field.reason, l, t.AccountID, nil}
		}
	}
	*answer = Answer{AccountID: t.AccountID, PublicKey: t.PublicKey, Signature: t.Signature, State: t.State,
		Wallet: answer.Wallet, Session: answer.Session}
	return nil
}

// authorise asks the chain whether the key is a full-access key of the account.
func (s *Service) authorise(ctx context.Context, l *idp.Login, p *proven) error {
	if err := s.mayAsk(ctx, p); err != nil {
		return err
	}
	check, err := s.Chain.CheckAccessKey(ctx, p.account, p.key)
	if errors.Is(err, near.ErrAccountTypeUnsupported) {
		return &Refusal{AccountTypeUnsupported, l, p.AccountID, err}
	}
	if err != nil {
		if err := s.Store.KeepProof(ctx, l.ID, p.Proof); err != nil {
			return fmt.Errorf("keep proof: %w", err)
		}
		return &Refusal{RPCUnavailable, l, p.AccountID, err}
	}
	s.asked(ctx, p, check.Status)
	switch check.Status {
	case near.Authorised:
		return nil
	case near.AccountNotFound:
		// Whoever creates the account next is somebody else.
		if err := s.Store.CloseSubject(ctx, s.Network, p.AccountID); err != nil {
			return fmt.Errorf("close subject: %w", err)
		}
		if s.elsewhere(p.AccountID) {
			return &Refusal{WrongNetwork, l, p.AccountID, nil}
		}
		return &Refusal{AccountNotFound, l, p.AccountID, nil}
	case near.KeyNotFound:
		return &Refusal{KeyNotFound, l, p.AccountID, nil}
	default:
		return &Refusal{NotFullAccess, l, p.AccountID, nil}
	}
}

// elsewhere reports that an account unknown here is named like one of the other network.
func (s *Service) elsewhere(account string) bool {
	other := map[string]string{"mainnet": ".testnet", "testnet": ".near"}[s.Network]
	return other != "" && strings.HasSuffix(account, other)
}

// refused counts a wrong proof against the login. What is not the person's
// doing (an outage, an ended login) is not counted.
func (s *Service) refused(ctx context.Context, l *idp.Login, err error) error {
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok || !l.ConsumedAt.IsZero() {
		return err
	}
	switch refusal.Reason {
	case RPCUnavailable, Used, Expired, Malformed, InvalidAccountID, InvalidPublicKey, UnsupportedKeyType, InvalidSignatureEncoding:
		return err
	}
	if err := s.Store.CountRefusal(ctx, l.ID); err != nil {
		return fmt.Errorf("count refusal: %w", err)
	}
	return err
}

// wallet keeps of the page's word for the wallet what is fit to be stored.
func wallet(name string) string {
	if len(name) > 64 {
		name = name[:64]
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return -1
		}
		return r
	}, name)
}
