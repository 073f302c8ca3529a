package web

import "net/http"

// pageHeaders go with everything a browser shows (wallets.md, section 7.2).
var pageHeaders = http.Header{
	"Content-Security-Policy": {"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types 'none'"},
	// same-origin would cut wallet popups off; unsafe-none makes MyNearWallet take
	// the client application for its opener.
	"Cross-Origin-Opener-Policy":   {"same-origin-allow-popups"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Permissions-Policy":           {"camera=(), microphone=(), geolocation=(), usb=(), hid=(), bluetooth=(), identity-credentials-get=()"},
	"Referrer-Policy":              {"no-referrer"},
	"Cache-Control":                {"no-store"},
	"X-Content-Type-Options":       {"nosniff"},
	"X-Frame-Options":              {"DENY"},
}

// apiHeaders go with what programs read.
var apiHeaders = http.Header{
	"Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'"},
	"Referrer-Policy":         {"no-referrer"},
	"Cache-Control":           {"no-store"},
	"Pragma":                  {"no-cache"}, // RFC 6749 section 5.1
	"X-Content-Type-Options":  {"nosniff"},
	"X-Frame-Options":         {"DENY"},
}

func setHeaders(w http.ResponseWriter, headers http.Header) {
	for name, values := range headers {
		w.Header()[name] = values
	}
}
