package clients_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
)

func TestDisabledClientIsLockedOutUntilItIsEnabled(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	secret := create(t, store, valid("web"))
	s := service(store)
	r, clock := newRegistry(store)
	off, err := s.Disable(t.Context(), "web", "")
	if err != nil || !off.Disabled {
		t.Fatalf("%+v, %v", off, err)
	}
	if again, err := s.Disable(t.Context(), "web", ""); err != nil || again.Version() != off.Version() {
		t.Errorf("disabling twice wrote: %v", err)
	}
	if _, err := r.Client(t.Context(), "web"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("served: %v", err)
	}
	if _, err := s.Enable(t.Context(), "web", ""); err != nil {
		t.Fatal(err)
	}
	clock.move(time.Minute)
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, err := r.Client(t.Context(), "web"); err != nil || !clients.CheckSecret(c, string(secret), time.Now()) {
		t.Errorf("not served again: %v", err)
	}
	if _, err := s.Disable(t.Context(), "none", ""); !errors.Is(err, idp.ErrNotFound) {
		t.Error(err)
	}
}

func TestStaleVersionChangesNothing(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	create(t, store, valid("web"))
	s := service(store)
	read, err := s.Client(t.Context(), "web")
	if err != nil || read.Version() == "" {
		t.Fatal(read, err)
	}
	old := read.Version()
	theirs := valid("web")
	theirs.Name = "Theirs"
	if read, err = s.Replace(t.Context(), theirs, old); err != nil || read.Name != "Theirs" || read.Version() == old {
		t.Fatalf("%+v, %v", read, err)
	}
	mine := valid("web")
	mine.Name = "Mine"
	_, replace := s.Replace(t.Context(), mine, old)
	_, patch := s.Patch(t.Context(), "web", old, func(*idp.Client) error { t.Error("a change was asked for"); return nil })
	_, disable := s.Disable(t.Context(), "web", old)
	_, made := s.Replace(t.Context(), mine, "no version")
	for name, err := range map[string]error{"replace": replace, "patch": patch, "disable": disable, "remove": s.Remove(t.Context(), "web", old), "made up": made} {
		if !errors.Is(err, idp.ErrStale) || !errors.Is(err, idp.ErrConflict) || errors.Is(err, idp.ErrManagedByConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c, err := s.Client(t.Context(), "web"); err != nil || c.Name != "Theirs" || c.Disabled {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := s.Patch(t.Context(), "web", read.Version(), func(c *idp.Client) error { c.Name = "x"; return errors.New("no") }); err == nil || err.Error() != "no" {
		t.Error(err)
	}
	if err := s.Remove(t.Context(), "web", read.Version()); err != nil {
		t.Error(err)
	}
}

func TestReplaceKeepsOwnerTimesAndSecrets(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	c := valid("web")
	c.Name, c.FirstParty, c.Scope = "Web", true, "openid"
	secret := create(t, store, c)
	s := service(store)
	before := read(t, store, "web")
	put := valid("web")
	put.ManagedBy, put.Source, put.CreatedAt, put.UpdatedAt = idp.ManagedByConfig, "/etc/passwd", time.Now(), time.Now()
	if _, err := s.Replace(t.Context(), put, ""); err != nil {
		t.Fatal(err)
	}
	after := read(t, store, "web")
	if after.ManagedBy != idp.ManagedByAPI || after.Source != "" || !after.CreatedAt.Equal(before.CreatedAt) || !clients.CheckSecret(after, string(secret), time.Now()) {
		t.Errorf("%+v", after)
	}
	if after.Name != "" || after.FirstParty || after.Scope == "openid" {
		t.Errorf("what was left out stays: %+v", after)
	}
	if _, err := s.Replace(t.Context(), valid("none"), ""); !errors.Is(err, idp.ErrNotFound) {
		t.Error(err)
	}
	bad := valid("web")
	bad.RedirectURIs = []string{"http://evil.example/"}
	_, err := s.Replace(t.Context(), bad, "")
	if _, isInvalid := errors.AsType[*clients.Invalid](err); !isInvalid {
		t.Errorf("%v", err)
	}
}

func TestPagesHaveEachClientOnce(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := service(store)
	var all []string
	for i := range 25 {
		c := valid(fmt.Sprintf("app-%02d", i))
		c.Name = []string{"Grafana", "Ünïcode", `100%_\`}[i%3]
		create(t, store, c)
		all = append(all, c.ID)
	}
	var seen []string
	for after, pages := "", 0; ; pages++ {
		page, next, err := s.Page(t.Context(), idp.ClientQuery{After: after, Limit: 10})
		if err != nil || pages > 3 {
			t.Fatal(err, pages)
		}
		for _, c := range page {
			if c.Scope == "" {
				t.Error("a client without its defaults")
			}
			seen = append(seen, c.ID)
		}
		if after = next; next == "" {
			break
		}
	}
	if !slices.Equal(seen, all) {
		t.Errorf("pages have %q", seen)
	}
	for search, want := range map[string]int{"": 25, "GRAF": 9, "Ünï": 8, "NïCODE": 8, "APP-1": 10, "%": 8, "_": 8, `\`: 8, "'; DROP TABLE clients --": 0} {
		if page, _, err := s.Page(t.Context(), idp.ClientQuery{Search: search, Limit: 100}); err != nil || len(page) != want {
			t.Errorf("%q finds %d, want %d, %v", search, len(page), want, err)
		}
	}
	for _, bad := range []string{"a\x00", "\xff"} {
		if page, _, err := s.Page(t.Context(), idp.ClientQuery{Search: bad, Limit: 10}); err != nil || len(page) != 0 {
			t.Errorf("%q finds %d, %v", bad, len(page), err)
		}
		if page, _, err := s.Page(t.Context(), idp.ClientQuery{After: bad, Limit: 10}); err != nil || len(page) != 0 {
			t.Errorf("after %q are %d, %v", bad, len(page), err)
		}
		_, get := s.Client(t.Context(), bad)
		_, disable := s.Disable(t.Context(), bad, "")
		for _, err := range []error{get, disable, s.Delete(t.Context(), bad), s.DeleteSecret(t.Context(), "app-00", bad)} {
			if !errors.Is(err, idp.ErrNotFound) {
				t.Errorf("%q: %v", bad, err)
			}
		}
	}
	if page, _, err := s.Page(t.Context(), idp.ClientQuery{}); err != nil || len(page) != 1 {
		t.Errorf("no limit: %d, %v", len(page), err)
	}
}
