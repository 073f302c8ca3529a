package templates

// A Panel is one state of the login page (wallets.md, section 4). All panels
// are in the page; one is visible.
type Panel string

// The panels.
const (
	PanelChoose             Panel = "choose"
	PanelWaiting            Panel = "waiting"
	PanelVerifying          Panel = "verifying"
	PanelRejected           Panel = "rejected"
	PanelPopupBlocked       Panel = "popup_blocked"
	PanelWalletError        Panel = "wallet_error"
	PanelExpired            Panel = "expired"
	PanelAccountNotFound    Panel = "account_not_found"
	PanelAccountUnsupported Panel = "account_unsupported"
	PanelWrongNetwork       Panel = "wrong_network"
	PanelNotFullAccess      Panel = "not_full_access"
	PanelBadSignature       Panel = "bad_signature"
	PanelNotAllowed         Panel = "not_allowed"
	PanelRPCDown            Panel = "rpc_down"
	PanelUnreachable        Panel = "unreachable"
	PanelSuccess            Panel = "success"
	PanelError              Panel = "error"
)

// refusals says which of the server's refusal codes each panel shows. The page
// carries it, so the scripts need no second copy.
var refusals = map[Panel][]string{
	PanelExpired:            {"expired"},
	PanelAccountNotFound:    {"account_not_found"},
	PanelAccountUnsupported: {"account_type_unsupported"},
	PanelWrongNetwork:       {"wrong_network"},
	PanelNotFullAccess:      {"not_full_access", "key_not_found", "unsupported_key_type"},
	PanelBadSignature: {
		"bad_signature", "malformed", "invalid_account_id", "invalid_public_key", "invalid_signature_encoding",
		"wrong_nonce", "wrong_recipient", "wrong_message", "wrong_callback", "state_mismatch",
	},
	PanelNotAllowed: {"not_allowed"},
	PanelRPCDown:    {"rpc_unavailable"},
	PanelError:      {"not_found", "wrong_browser", "used", "too_many_attempts", "different_proof", "internal"},
}

// PanelFor is the panel that shows a refusal with this code; PanelError for a
// code it does not know.
func PanelFor(code string) Panel {
	for panel, codes := range refusals {
		for _, c := range codes {
			if c == code {
				return panel
			}
		}
	}
	return PanelError
}
