package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"near-idp/internal/idp"
	"near-idp/internal/presets"
)

func blockID(i int) string { return "block-" + strconv.Itoa(i) }

// A registration is a client in the making.
type registration struct {
	page
	Presets []*presets.Preset
	Preset  *presets.Preset // nil: none
	Form    form
	Preview *client // as it would be registered; nil: not asked for yet
}

// registerFields are those of the form that makes a client.
var registerFields = []string{"client_id", "client_name", "client_uri", "redirect_uris", "token_endpoint_auth_method"}

// register shows what can be registered, or the form of what was chosen.
func (s *Server) register(w http.ResponseWriter, r *http.Request) error {
	if !r.URL.Query().Has("preset") {
		return s.render(w, r, http.StatusOK, presetsPage(registration{page: s.view(r, sectionClients, "Register a client"), Presets: presets.List()}))
	}
	values := url.Values{"preset": {r.URL.Query().Get("preset")}}
	v, err := s.registration(r, blank(values))
	if err != nil {
		return err
	}
	if v.Preset != nil {
		values.Set("client_id", v.Preset.Name)
	}
	return s.render(w, r, http.StatusOK, registerPage(v))
}

func (s *Server) registration(r *http.Request, f form) (registration, error) {
	v := registration{page: s.view(r, sectionClients, "Register a client"), Form: f}
	name := f.Get("preset")
	if name == "" {
		return v, nil
	}
	preset, err := presets.Find(name)
	if err != nil {
		return v, &failure{status: http.StatusNotFound, code: "not_found", heading: "There is no such preset", text: err.Error(),
			actionURL: "/register", actionText: "See them all", err: err}
	}
	v.Preset, v.Title = preset, "Register "+preset.Title
	return v, nil
}

// makeClient shows what would be registered, and registers it once that was seen.
func (s *Server) makeClient(w http.ResponseWriter, r *http.Request) error {
	values := r.PostForm
	v, err := s.registration(r, blank(values))
	if err != nil {
		return err
	}
	if values.Has("change") {
		return s.render(w, r, http.StatusOK, registerPage(v))
	}
	c := call{method: http.MethodPost, path: "/clients", body: registered(values)}
	sure := values.Get("sure") == "yes"
	if !sure {
		c.query = url.Values{"dry_run": {"true"}}
	}
	var made newClient
	if _, err := s.ask(r, c, &made); err != nil {
		if v.Form, err = refused(values, err, registerFields...); err != nil {
			return err
		}
		return s.render(w, r, v.Form.status(), registerPage(v))
	}
	if !sure {
		v.Preview = &made.client
		return s.render(w, r, http.StatusOK, previewPage(v))
	}
	return s.showSecret(w, r, made.client, made.secret, true)
}

// A newClient is one that was made just now, with the secret that nobody can read again.
type newClient struct {
	client
	secret string
}

func (n *newClient) UnmarshalJSON(text []byte) error {
	var shown struct {
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal(text, &shown); err != nil {
		return err
	}
	n.secret = shown.Secret
	return json.Unmarshal(text, &n.client)
}

// registered is the client that a form describes, as the API takes it.
func registered(values url.Values) map[string]any {
	body := map[string]any{}
	for _, name := range []string{"client_id", "client_name", "client_uri", "token_endpoint_auth_method"} {
		if text := values.Get(name); text != "" {
			body[name] = text
		}
	}
	if list := lines(values.Get("redirect_uris")); len(list) > 0 {
		body["redirect_uris"] = list
	}
	if preset := values.Get("preset"); preset != "" {
		body["idp"] = map[string]any{"preset": preset}
	}
	return body
}

// A kind is a group of presets on the page that offers them.
type kind struct {
	Heading string
	Presets []*presets.Preset
}

// kinds parts software that people run from what they write themselves.
func kinds(list []*presets.Preset) []kind {
	own := []string{"mcp", "spa", "native", "m2m"}
	all := []kind{{Heading: "Software that you run"}, {Heading: "Software that you write"}}
	for _, p := range list {
		i := 0
		if slices.Contains(own, p.Name) {
			i = 1
		}
		all[i].Presets = append(all[i].Presets, p)
	}
	return all
}

func presetURL(name string) string { return "/register?" + url.Values{"preset": {name}}.Encode() }

// uriField is where an application lives, as its preset asks.
func uriField(v registration) field {
	f := field{form: v.Form, Name: "client_uri", Label: "Where it lives", Type: "url", Help: "The address that people open."}
	if v.Preset != nil {
		f.Required, f.Placeholder = v.Preset.NeedsURL, v.Preset.Example
		if v.Preset.NeedsURL {
			f.Help = fmt.Sprintf("The address that people open. What %s needs follows from it.", v.Preset.Title)
		}
	}
	return f
}

// methods are how a client without a preset may authenticate.
var methods = []option{{"", "A secret: it has a server"}, {idp.AuthNone, "PKCE alone: it runs in browsers or on devices"}}
