package clients_test

import (
	"testing"

	"near-idp/internal/idp"
)

// A client with the id of the admin pages, and a redirect URI of its own, would
// be sent the codes of administrators.
func TestNobodyTakesThePlaceOfTheAdminPages(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := service(store)
	if _, _, err := s.Create(t.Context(), valid(idp.AdminClientID), ""); err == nil {
		t.Error("the id can be registered")
	}
	// Not even a row of an older version, or one written by hand.
	old := valid(idp.AdminClientID)
	old.ManagedBy = idp.ManagedByAPI
	if err := store.CreateClient(t.Context(), old, idp.ClientSecret{}); err != nil {
		t.Fatal(err)
	}
	r, _ := newRegistry(store)
	own := idp.Client{ID: idp.AdminClientID, RedirectURIs: []string{"https://admin.example.com/callback"}}
	r.BuiltIn = []idp.Client{own}
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := r.Client(t.Context(), idp.AdminClientID)
	if err != nil || len(c.RedirectURIs) != 1 || c.RedirectURIs[0] != own.RedirectURIs[0] {
		t.Errorf("%+v, %v", c, err)
	}
	if r.AllowsOrigin("https://admin.example.com") {
		t.Error("the admin pages may read what is meant for applications")
	}
}
