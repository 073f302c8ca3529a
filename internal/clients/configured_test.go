package clients_test

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

const fileSecret, nextSecret = "0123456789abcdefghijklmnopqrstuv", "vutsrqponmlkjihgfedcba9876543210"

func apply(t *testing.T, store *counted, list ...clients.Entry) {
	t.Helper()
	if _, err := (clients.Defaults{}).ApplyConfig(t.Context(), store, list); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, store *counted, id string) *idp.Client {
	t.Helper()
	s := service(store)
	c, err := s.Client(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return &c
}

func TestSecretOfTheFileReplacesTheEarlierOneAndLeavesAddedOnes(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := service(store)
	apply(t, store, clients.Entry{Client: valid("web"), Secret: fileSecret})
	_, added, err := s.AddSecret(t.Context(), "web", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	live := func(want ...string) {
		t.Helper()
		c := read(t, store, "web")
		if len(c.Secrets) != len(want) {
			t.Errorf("%d live secrets, want %d", len(c.Secrets), len(want))
		}
		for _, secret := range want {
			if !clients.CheckSecret(c, secret, time.Now()) {
				t.Error("a secret that should be live is not")
			}
		}
	}
	live(fileSecret, string(added))
	apply(t, store, clients.Entry{Client: valid("web"), Secret: nextSecret})
	live(nextSecret, string(added))
	apply(t, store, clients.Entry{Client: valid("web")})
	live(string(added))
	if err := s.DeleteSecret(t.Context(), "web", "config:web"); !errors.Is(err, idp.ErrConflict) {
		t.Errorf("the file's secret was deleted: %v", err)
	}
}

func TestClientRemovedFromTheFileIsDisabledAndComesBack(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := service(store)
	apply(t, store, clients.Entry{Client: valid("web"), Secret: fileSecret}, clients.Entry{Client: valid("other")})
	apply(t, store, clients.Entry{Client: valid("other")})
	if !read(t, store, "web").Disabled || read(t, store, "other").Disabled {
		t.Error("not exactly the removed client is disabled")
	}
	apply(t, store, clients.Entry{Client: valid("web"), Secret: fileSecret})
	if c := read(t, store, "web"); c.Disabled || !clients.CheckSecret(c, fileSecret, time.Now()) {
		t.Error("the client did not come back")
	}
	if _, _, err := s.Create(t.Context(), valid("other"), ""); !errors.Is(err, idp.ErrConflict) || !strings.Contains(err.Error(), "configuration file until") {
		t.Errorf("an id that the file had: %v", err)
	}
	if err := s.Delete(t.Context(), "other"); err != nil {
		t.Errorf("a client that left the file: %v", err)
	}
}

func TestClientsOfTheFileAreReadOnly(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := service(store)
	apply(t, store, clients.Entry{Client: valid("web")})
	_, create := func() (idp.Secret, error) { _, x, err := s.Create(t.Context(), valid("web"), ""); return x, err }()
	_, update := s.Update(t.Context(), "web", func(*idp.Client) { t.Error("a change was asked for") })
	for name, err := range map[string]error{"create": create, "update": update, "delete": s.Delete(t.Context(), "web")} {
		if !errors.Is(err, idp.ErrConflict) || !strings.Contains(err.Error(), "configuration file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIDOwnedElsewhereStopsTheStart(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	create(t, store, valid("web"))
	_, err := clients.Defaults{}.ApplyConfig(t.Context(), store, []clients.Entry{{Client: valid("new")}, {Client: valid("web")}})
	for _, want := range []string{"configuration file", "idp client create", `client_id "web"`, "clients[1] has it too"} {
		if !errors.Is(err, idp.ErrConflict) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
	if c := read(t, store, "web"); c.ManagedBy != idp.ManagedByAPI {
		t.Error("the client changed hands")
	}
}

func TestEveryMistakeInTheFileIsReportedWithItsPlace(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	public := valid("spa")
	public.TokenEndpointAuthMethod = idp.AuthNone
	_, err := clients.Defaults{}.ApplyConfig(t.Context(), store, []clients.Entry{
		{Client: valid("ok")},
		{Client: valid("alice.near")},
		{Client: valid("ok")},
		{Client: public, Secret: fileSecret},
		{Client: valid("weak"), Secret: "hunter2"},
	})
	for _, want := range []string{"clients[1]: client_id", "clients[2]: client_id \"ok\" is that of clients[0]", "clients[3]: secret is set", "clients[4]: secret has 7 characters"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "hunter2") {
		t.Error("the error shows the secret")
	}
	if n := store.reads.Load(); n != 0 {
		t.Errorf("%d reads", n)
	}
}

func TestReplicasThatStartTogetherApplyOneConfiguration(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	a, b := clients.Entry{Client: valid("a"), Secret: fileSecret}, clients.Entry{Client: valid("b")}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			list := []clients.Entry{a, b}
			if i%2 == 1 {
				list = []clients.Entry{b, a}
			}
			apply(t, store, list...)
		})
	}
	group.Wait()
	before := read(t, store, "a")
	if !clients.CheckSecret(before, fileSecret, time.Now()) || len(before.Secrets) != 1 {
		t.Errorf("secrets %+v", before.Secrets)
	}
	apply(t, store, a, b)
	if after := read(t, store, "a"); !reflect.DeepEqual(before, after) {
		t.Errorf("an unchanged configuration changed %+v to %+v", before, after)
	}
}

func TestClientsOfTheConfigurationAreDeletedThirtyDaysAfterTheyLeftIt(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	store := &counted{Store: postgres.New(pool)}
	named := func(id string, disabled bool) clients.Entry {
		c := valid(id)
		c.Disabled, c.Source = disabled, "/etc/idp/config.yaml"
		return clients.Entry{Client: c}
	}
	apply(t, store, named("left", false), named("longago", false), named("off", true))
	apply(t, store, named("off", true))
	if _, err := pool.Exec(t.Context(), `UPDATE clients SET disabled_at = now() - interval '31 days' WHERE id IN ('longago', 'off')`); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := store.Clients(t.Context())
	if err != nil || len(list) != 2 || list[0].ID != "left" || !list[0].Disabled || list[1].ID != "off" || !list[1].Disabled {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestRefusalNamesTheFile(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	c := valid("web")
	c.Source = "/etc/idp/clients.d/web.yaml"
	apply(t, store, clients.Entry{Client: c})
	s := service(store)
	_, update := s.Update(t.Context(), "web", func(*idp.Client) { t.Error("a change was asked for") })
	_, disable := s.Disable(t.Context(), "web", "")
	_, _, create := s.Create(t.Context(), valid("web"), "")
	for name, err := range map[string]error{"update": update, "disable": disable, "create": create, "delete": s.Delete(t.Context(), "web")} {
		if !errors.Is(err, idp.ErrManagedByConfig) || !errors.Is(err, idp.ErrConflict) || errors.Is(err, idp.ErrStale) || !strings.Contains(err.Error(), c.Source) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A file that is renamed owns the same client.
	c.Source = "/etc/idp/clients.d/portal.yaml"
	apply(t, store, clients.Entry{Client: c})
	if got := read(t, store, "web"); got.Source != c.Source {
		t.Errorf("source %q", got.Source)
	}
}

func TestClientsOfOtherOwnersStayWhenTheConfigurationHasNone(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	create(t, store, valid("mine"))
	apply(t, store)
	if read(t, store, "mine").Disabled {
		t.Error("an empty configuration disabled a client that it does not own")
	}
}
