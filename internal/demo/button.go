package demo

import (
	"net/http"

	"near-idp/internal/idp"
	"near-idp/web/static"
)

// ButtonClientID is that of the page with the provider's button, which runs in the browser alone.
const ButtonClientID = "demo-button"

// ButtonRegistration is the client of that page. It has no secret.
func (a *App) ButtonRegistration() idp.Client {
	return idp.Client{
		ID: ButtonClientID, Name: "Demo button", RedirectURIs: []string{a.URL() + "/button"},
		TokenEndpointAuthMethod: idp.AuthNone,
		GrantTypes:              []string{idp.GrantAuthorizationCode},
		Scope:                   "openid profile",
		FirstParty:              true,
	}
}

type buttonPage struct {
	Notice, Issuer, ClientID string
	Button                   static.Button
}

// source is the whole of such a page, as it is shown to be copied.
func (p buttonPage) source() string {
	return `<script type="module"
 src="` + p.Issuer + `/button/v1.js">
</script>
<near-signin-button
  client-id="` + p.ClientID + `"
  redirect-uri="/button" mode="popup">
</near-signin-button>
<script type="module">
  addEventListener("near-signin-success",
    (e) => show(e.detail.claims));
</script>`
}

// button shows what docs/button.md says: a page of another origin than the provider's, with a
// policy that lets in the provider and nobody else.
func (a *App) button(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self' "+a.Issuer+"/; connect-src "+a.Issuer+"/; style-src 'self'; img-src 'self'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
	return render(w, http.StatusOK, appButtonPage(buttonPage{a.Notice, a.Issuer, ButtonClientID, static.CurrentButton(a.Issuer)}))
}
