package login

import (
	"fmt"

	"near-idp/internal/idp"
)

// A Reason says why a login was refused. It is the error code of the JSON
// contract, the metric label and the key of the one table that gives each its
// HTTP status and its sentence.
type Reason string

// Every reason there is.
const (
	NotFound         Reason = "not_found"
	WrongBrowser     Reason = "wrong_browser"
	Expired          Reason = "expired"
	Used             Reason = "used"
	TooManyAttempts  Reason = "too_many_attempts"
	Malformed        Reason = "malformed"
	InvalidAccountID Reason = "invalid_account_id"
	InvalidPublicKey Reason = "invalid_public_key"

	UnsupportedKeyType       Reason = "unsupported_key_type"
	InvalidSignatureEncoding Reason = "invalid_signature_encoding"

	BadSignature   Reason = "bad_signature"
	WrongNonce     Reason = "wrong_nonce"
	WrongRecipient Reason = "wrong_recipient"
	WrongMessage   Reason = "wrong_message"
	WrongCallback  Reason = "wrong_callback"
	StateMismatch  Reason = "state_mismatch"
	DifferentProof Reason = "different_proof"

	AccountNotFound        Reason = "account_not_found"
	KeyNotFound            Reason = "key_not_found"
	NotFullAccess          Reason = "not_full_access"
	WrongNetwork           Reason = "wrong_network"
	WrongAccount           Reason = "wrong_account" // not the one that the client asked for
	AccountTypeUnsupported Reason = "account_type_unsupported"
	AccessDenied           Reason = "access_denied"   // by the access policy of the client
	AccountBlocked         Reason = "account_blocked" // by the operator, everywhere

	// RPCUnavailable is no refusal of the person: the chain could not be asked. The
	// proof is kept and the same answer may be sent again.
	RPCUnavailable Reason = "rpc_unavailable"
)

// A Refusal is the error of a login that does not go on.
type Refusal struct {
	Reason    Reason
	Login     *idp.Login // nil if none was found
	AccountID string     // that was refused, if one was read
	Err       error      // the cause, for operators; may be nil
}

func (r *Refusal) Error() string {
	if r.Err == nil {
		return "login refused: " + string(r.Reason)
	}
	return fmt.Sprintf("login refused: %s: %v", r.Reason, r.Err)
}

func (r *Refusal) Unwrap() error { return r.Err }

func refuse(reason Reason, l *idp.Login, cause error) *Refusal {
	return &Refusal{Reason: reason, Login: l, Err: cause}
}
