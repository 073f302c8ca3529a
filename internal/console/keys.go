package console

import (
	"net/http"
	"net/url"
	"time"
)

// A signingKey is one as the API writes it; the times that are not known are zero.
type signingKey struct {
	KID         string    `json:"kid"`
	Alg         string    `json:"alg"`
	State       string    `json:"state"`
	CreatedAt   time.Time `json:"created_at"`
	ActivatesAt time.Time `json:"activates_at"`
	RetiresAt   time.Time `json:"retires_at"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// Class is that of the mark which names the state.
func (k signingKey) Class() string {
	if k.State == "active" {
		return "chip is-good"
	}
	return "chip"
}

// A keyPage is the list of signing keys.
type keyPage struct {
	page
	Keys []signingKey
}

func (s *Server) signingKeys(w http.ResponseWriter, r *http.Request) error {
	var list listOf[signingKey]
	if err := s.get(r, "/keys", nil, &list); err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, keysPage(keyPage{s.view(r, sectionKeys, "Signing keys"), list.Items}))
}

func (s *Server) rotation(r *http.Request) confirmation {
	return confirmation{page: s.view(r, sectionKeys, "Rotate every key?"), Action: at("keys", "rotate"), Back: at("keys"), Button: "Rotate",
		Texts: []string{"Each key gets a successor, which signs once relying parties had time to learn it. What was signed stays good."}}
}

func (s *Server) askRotate(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, http.StatusOK, confirmPage(s.rotation(r)))
}

func (s *Server) rotate(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.ask(r, call{method: http.MethodPost, path: "/keys:rotate", body: map[string]any{}}, nil); err != nil {
		return err
	}
	redirect(w, "/keys?done=rotated")
	return nil
}

func (s *Server) retirement(r *http.Request) confirmation {
	kid := r.PathValue("kid")
	return confirmation{page: s.view(r, sectionKeys, "Retire the key?"), Action: at("keys", kid, "retire"), Back: at("keys"), Button: "Retire", Type: kid,
		Texts: []string{"It signs nothing any more; a successor takes its place at once. What it signed stays good until it expires.",
			"If others may have the key, retire it on the command line instead, which makes all that it signed worthless: idp key retire " + kid + " --compromised"}}
}

func (s *Server) askRetire(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, http.StatusOK, confirmPage(s.retirement(r)))
}

func (s *Server) retire(w http.ResponseWriter, r *http.Request) error {
	if ok, err := s.confirmed(w, r, s.retirement(r)); !ok {
		return err
	}
	kid := url.PathEscape(r.PathValue("kid"))
	if _, err := s.ask(r, call{method: http.MethodPost, path: "/keys/" + kid + ":retire", body: map[string]any{}}, nil); err != nil {
		return err
	}
	redirect(w, "/keys?done=retired")
	return nil
}
