package templates

// withoutScript is what somebody reads whose browser runs no script.
func withoutScript(l Login) string {
	switch phone, cli := l.PhoneURL != "", l.CLICommand != ""; {
	case phone && cli:
		return l.T("Wallets need JavaScript, which is off in this browser. You can use your phone, or sign with the NEAR CLI instead.")
	case phone:
		return l.T("Wallets need JavaScript, which is off in this browser. You can use your phone instead.")
	case cli:
		return l.T("Wallets need JavaScript, which is off in this browser. You can sign with the NEAR CLI instead.")
	}
	return l.T("Wallets need JavaScript, which is off in this browser. Turn it on, or use another browser.")
}

// withoutWallet is what somebody reads whom none of the wallets is there for.
func withoutWallet(l Login) string {
	if l.PhoneURL != "" {
		return l.T("No wallet was found in this browser. Install one, or use your phone.")
	}
	if l.CLICommand == "" {
		return l.T("No wallet was found in this browser. Install one, then load this page again.")
	}
	return l.T("No wallet was found in this browser. Install one, or sign with the NEAR CLI.")
}
