package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/logos"
	"near-idp/internal/presets"
)

// A clientPage is all about one client.
type clientPage struct {
	page
	Client  client
	Tab     string
	Secrets []idp.ClientSecret
	Preset  *presets.Preset
	Snippet *presets.Snippet
	NewForm form // to add a secret
}

// The tabs of a client.
const (
	tabOverview = ""
	tabTry      = "try"
	tabErrors   = "errors"
)

func clientPath(id string) string { return "/clients/" + url.PathEscape(id) }

// readClient returns the client of the address, and the ETag of its state.
func (s *Server) readClient(r *http.Request) (c client, etag string, err error) {
	header, err := s.ask(r, call{method: http.MethodGet, path: clientPath(r.PathValue("id"))}, &c)
	return c, header.Get("ETag"), err
}

func (s *Server) showClient(w http.ResponseWriter, r *http.Request) error {
	c, _, err := s.readClient(r)
	if err != nil {
		return err
	}
	return s.renderClient(w, r, c, blank(nil))
}

func (s *Server) renderClient(w http.ResponseWriter, r *http.Request, c client, add form) error {
	v := clientPage{page: s.view(r, sectionClients, c.DisplayName()), Client: c, NewForm: add}
	var secrets listOf[idp.ClientSecret]
	if err := s.get(r, clientPath(c.ID)+"/secrets", nil, &secrets); err != nil {
		return err
	}
	v.Secrets = secrets.Items
	v.Preset, v.Snippet = s.snippet(c.Client, "")
	return s.render(w, r, add.status(), clientOverview(v))
}

// snippet is what to paste into the software of a client, with the secret if it is known this once.
// Both are nil for a client of no preset, or one that does not fit it any more.
func (s *Server) snippet(c idp.Client, secret idp.Secret) (*presets.Preset, *presets.Snippet) {
	preset, err := presets.Find(c.Preset)
	if c.Preset == "" || err != nil {
		return nil, nil
	}
	made, err := preset.Snippet(presets.Context{Issuer: s.Issuer, Client: c, Secret: secret})
	if err != nil {
		return preset, nil
	}
	return preset, &made
}

// setDisabled answers "disable" and "enable".
func (s *Server) setDisabled(verb string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id := r.PathValue("id")
		if _, err := s.ask(r, call{method: http.MethodPost, path: clientPath(id) + ":" + verb}, nil); err != nil {
			return err
		}
		redirect(w, clientPath(id)+"?done="+verb+"d")
		return nil
	}
}

func (s *Server) deletion(r *http.Request, c client, etag string) confirmation {
	return confirmation{
		page: s.view(r, sectionClients, "Delete "+c.DisplayName()+"?"), Action: at("clients", c.ID, "delete"), Back: at("clients", c.ID),
		Texts: []string{"Nobody can sign in to it any more, its tokens are worth nothing, and its secrets are gone. This cannot be undone.",
			"To stop it for a while, disable it instead."},
		Button: "Delete for good", Type: c.ID, Hidden: map[string]string{"etag": etag},
	}
}

func (s *Server) askDelete(w http.ResponseWriter, r *http.Request) error {
	c, etag, err := s.readClient(r)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, confirmPage(s.deletion(r, c, etag)))
}

func (s *Server) deleteClient(w http.ResponseWriter, r *http.Request) error {
	c, etag, err := s.readClient(r)
	if err != nil {
		return err
	}
	if ok, err := s.confirmed(w, r, s.deletion(r, c, etag)); !ok {
		return err
	}
	if _, err := s.ask(r, call{method: http.MethodDelete, path: clientPath(c.ID), etag: r.PostForm.Get("etag")}, nil); err != nil {
		return err
	}
	redirect(w, "/clients?done=deleted")
	return nil
}

// secretLives are how long a new secret may live.
var secretLives = []option{{"", "never"}, {"30d", "in 30 days"}, {"90d", "in 90 days"}, {"365d", "in a year"}}

// expiry reads one of the offered lives; the zero time is never.
func (s *Server) expiry(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	d, err := idp.ParseDuration(text)
	if err != nil {
		return time.Time{}, err
	}
	return s.Now().Add(d.Std()).UTC().Truncate(time.Second), nil
}

// A shownSecret is the page that shows a secret, which nobody can read again.
type shownSecret struct {
	page
	Client   client
	Secret   string
	Snippet  *presets.Snippet
	Preset   *presets.Preset
	Issuer   string
	Created  bool // the client was made just now
	NoSecret bool
}

// addSecret answers with the page that shows the secret. It is no address to come back to.
func (s *Server) addSecret(w http.ResponseWriter, r *http.Request) error {
	c, _, err := s.readClient(r)
	if err != nil {
		return err
	}
	ends, err := s.expiry(r.PostForm.Get("expires"))
	if err != nil {
		f := blank(r.PostForm)
		f.add("expires", err.Error())
		return s.renderClient(w, r, c, f)
	}
	body := map[string]any{}
	if !ends.IsZero() {
		body["expires_at"] = ends
	}
	var made struct {
		Secret string `json:"client_secret"`
	}
	_, err = s.ask(r, call{method: http.MethodPost, path: clientPath(c.ID) + "/secrets", body: body}, &made)
	if err != nil {
		f, err := refused(r.PostForm, err, "expires")
		if err != nil {
			return err
		}
		return s.renderClient(w, r, c, f)
	}
	return s.showSecret(w, r, c, made.Secret, false)
}

func (s *Server) showSecret(w http.ResponseWriter, r *http.Request, c client, secret string, created bool) error {
	title := "A new secret for " + c.DisplayName()
	if created {
		title = c.DisplayName() + " is registered"
	}
	v := shownSecret{page: s.view(r, sectionClients, title), Client: c, Secret: secret, Issuer: s.Issuer, Created: created}
	v.Preset, v.Snippet = s.snippet(c.Client, idp.Secret(secret))
	return s.render(w, r, http.StatusOK, secretPage(v))
}

func (s *Server) revocation(r *http.Request) confirmation {
	id, secret := r.PathValue("id"), r.PathValue("secret")
	return confirmation{
		page: s.view(r, sectionClients, "Revoke the secret?"), Action: at("clients", id, "secrets", secret, "revoke"), Back: at("clients", id),
		Texts: []string{"Whatever uses it is refused from now on. Add another one and let " + id + " use that first."}, Button: "Revoke",
	}
}

func (s *Server) askRevoke(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, http.StatusOK, confirmPage(s.revocation(r)))
}

func (s *Server) revokeSecret(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	_, err := s.ask(r, call{method: http.MethodDelete, path: clientPath(id) + "/secrets/" + url.PathEscape(r.PathValue("secret"))}, nil)
	if err != nil {
		return err
	}
	redirect(w, clientPath(id)+"?done=revoked")
	return nil
}

// fromConfig reports that the configuration owns a client, so that only it may change it.
func (c *client) fromConfig() bool { return c.ManagedBy == idp.ManagedByConfig }

// A fact is a member of a registration for people.
type fact struct {
	Label  string
	Values []string
	Code   bool
}

// facts are what a client is registered with, without what is empty.
func facts(c idp.Client) []fact {
	var list []fact
	add := func(label string, code bool, values ...string) {
		if values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" }); len(values) > 0 {
			list = append(list, fact{label, values, code})
		}
	}
	when := func(is bool, text string) string {
		if is {
			return text
		}
		return ""
	}
	add("Client id", true, c.ID)
	add("Address", true, c.ClientURI)
	add("Logo", !logos.IsData(c.LogoURI), logoLines(c)...)
	add("Privacy policy", true, c.PolicyURI)
	add("Terms of service", true, c.TosURI)
	add("Brand colour", true, c.BrandColor)
	add("Redirect URIs", true, c.RedirectURIs...)
	add("After sign-out", true, c.PostLogoutRedirectURIs...)
	add("Told of sign-outs", true, c.BackchannelLogoutURI)
	add("Authenticates with", false, authMethod(c))
	add("Keys", true, c.JWKSURI)
	add("Scopes", true, strings.Join(c.Scopes(), " "))
	add("Grants", true, strings.Join(c.GrantTypes, " "))
	add("ID token signed with", false, c.IDTokenSignedResponseAlg)
	add("Claim policy", true, c.ClaimPolicy)
	add("Access policy", true, c.AccessPolicy)
	add("Rules", false, when(c.MustUsePKCE(), "PKCE is required"), when(!c.MustUsePKCE(), "PKCE is not required"),
		when(c.FirstParty, "First party: people are not asked for consent"),
		when(c.RequirePushedAuthorizationRequests, "Requests must be pushed"), when(c.DPoPBoundAccessTokens, "Access tokens are bound to a key (DPoP)"),
		when(c.IsFAPI2(), "Held to the FAPI 2.0 Security Profile"), when(c.DeviceMatchNumber, "Devices show a number to match"))
	return list
}

// logoLines are where the logo comes from and what became of it.
func logoLines(c idp.Client) []string {
	source := c.LogoURI
	switch {
	case source == "":
		return nil
	case logos.IsData(source):
		source = "In the registration"
	}
	switch l := c.Logo; {
	case l.Error != "" && l.Hash != "":
		return []string{source, "The latest was refused, the copy of " + l.FetchedAt.UTC().Format("2006-01-02 15:04 UTC") + " stays: " + l.Error}
	case l.Error != "":
		return []string{source, "Refused: " + l.Error}
	case l.Hash == "":
		return []string{source, "Not fetched yet"}
	default:
		return []string{source, "Fetched " + l.FetchedAt.UTC().Format("2006-01-02 15:04 UTC")}
	}
}

func authMethod(c idp.Client) string {
	for _, o := range authMethods {
		if o.Value == c.TokenEndpointAuthMethod {
			return o.Text
		}
	}
	return c.TokenEndpointAuthMethod
}

var authMethods = []option{
	{"", "A secret, sent either way"}, {idp.AuthSecretBasic, "A secret, in the header (client_secret_basic)"},
	{idp.AuthSecretPost, "A secret, in the body (client_secret_post)"}, {idp.AuthPrivateKey, "A key of its own (private_key_jwt)"},
	{idp.AuthNone, "Nothing but PKCE: a public client"},
}
