package postgres_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"reflect"
	"sync"
	"testing"
	"time"

	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"
)

func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func client(id, managedBy string) idp.Client {
	return idp.Client{ID: id, ManagedBy: managedBy, Name: "Šifra 🔑", RedirectURIs: []string{"https://app.example.com/cb"}}
}

func mustRead(t *testing.T, store *postgres.Store, id string) idp.Client {
	t.Helper()
	c, err := store.Client(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestClientComesBackAsItWasStored(t *testing.T) {
	t.Parallel()
	store := postgres.New(pgtest.New(t))
	no := false
	in := client("web", idp.ManagedByAPI)
	in.RequirePKCE, in.FirstParty, in.Disabled = &no, true, true
	in.GrantTypes, in.Scope, in.IDTokenSignedResponseAlg = []string{"authorization_code"}, "openid profile", "ES256"
	in.TokenEndpointAuthMethod = idp.AuthSecretPost
	in.Lifetimes = idp.Lifetimes{AccessToken: idp.Duration(5 * time.Minute), RefreshIdle: idp.Duration(48 * time.Hour)}
	must(t, store.CreateClient(t.Context(), in, idp.ClientSecret{ID: "s1", Prefix: "ncs_s1", Hash: hashOf("s1")}))
	got := mustRead(t, store, "web")
	if got.CreatedAt.IsZero() || !got.UpdatedAt.Equal(got.CreatedAt) {
		t.Errorf("times %v, %v", got.CreatedAt, got.UpdatedAt)
	}
	in.CreatedAt, in.UpdatedAt = got.CreatedAt, got.UpdatedAt
	in.Secrets = []idp.ClientSecret{{ID: "s1", Prefix: "ncs_s1", Hash: hashOf("s1"), CreatedAt: got.Secrets[0].CreatedAt}}
	if !reflect.DeepEqual(got, in) {
		t.Errorf("got  %+v\nwant %+v", got, in)
	}
	if list, err := store.Clients(t.Context()); err != nil || len(list) != 1 || !reflect.DeepEqual(list[0], got) {
		t.Errorf("list %+v, %v", list, err)
	}
	if err := store.CreateClient(t.Context(), in, idp.ClientSecret{}); !errors.Is(err, idp.ErrConflict) {
		t.Errorf("second client of one id: %v", err)
	}
	if _, err := store.Client(t.Context(), "other"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("unknown client: %v", err)
	}
}

func TestChangesNeedTheOwnerAndTheRowThatWasRead(t *testing.T) {
	t.Parallel()
	ctx, store := t.Context(), postgres.New(pgtest.New(t))
	must(t, store.CreateClient(ctx, client("web", idp.ManagedByAPI), idp.ClientSecret{}))
	first := mustRead(t, store, "web")
	if len(first.Secrets) != 0 {
		t.Errorf("a client without a secret has %d", len(first.Secrets))
	}
	stale := first
	first.Name, first.Disabled = "New", true
	must(t, store.UpdateClient(ctx, first))
	if err := store.UpdateClient(ctx, stale); !errors.Is(err, idp.ErrConflict) {
		t.Errorf("an update that would lose another: %v", err)
	}
	second := mustRead(t, store, "web")
	if second.Name != "New" || !second.Disabled || !second.UpdatedAt.After(second.CreatedAt) {
		t.Errorf("%+v", second)
	}
	second.ManagedBy = idp.ManagedByConfig
	if err := store.UpdateClient(ctx, second); !errors.Is(err, idp.ErrConflict) {
		t.Errorf("an update by another owner: %v", err)
	}
	if err := store.DeleteClient(ctx, second); !errors.Is(err, idp.ErrConflict) {
		t.Errorf("a deletion by another owner: %v", err)
	}
	if err := store.DeleteClient(ctx, stale); !errors.Is(err, idp.ErrConflict) {
		t.Errorf("a deletion of what is no longer there: %v", err)
	}
	second.ManagedBy = idp.ManagedByAPI
	must(t, store.DeleteClient(ctx, second))
	if err := store.DeleteClient(ctx, second); !errors.Is(err, idp.ErrConflict) {
		t.Errorf("a second deletion: %v", err)
	}
}

func TestExpiredAndDeletedSecretsAreNotLive(t *testing.T) {
	t.Parallel()
	ctx, store := t.Context(), postgres.New(pgtest.New(t))
	must(t, store.CreateClient(ctx, client("web", idp.ManagedByAPI), idp.ClientSecret{ID: "first", Hash: hashOf("first")}))
	must(t, store.CreateClient(ctx, client("other", idp.ManagedByAPI), idp.ClientSecret{}))
	must(t, store.AddClientSecret(ctx, "web", idp.ClientSecret{ID: "past", Hash: hashOf("past"), ExpiresAt: time.Now().Add(-time.Second)}))
	must(t, store.AddClientSecret(ctx, "web", idp.ClientSecret{ID: "future", Hash: hashOf("future"), ExpiresAt: time.Now().Add(time.Hour)}))
	must(t, store.AddClientSecret(ctx, "web", idp.ClientSecret{ID: "gone", Hash: hashOf("gone")}))
	if err := store.DeleteClientSecret(ctx, "other", "gone"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("a secret of another client was deleted: %v", err)
	}
	must(t, store.DeleteClientSecret(ctx, "web", "gone"))
	want := [][]byte{hashOf("future"), hashOf("first")} // newest first
	if got := hashes(mustRead(t, store, "web")); !reflect.DeepEqual(got, want) {
		t.Errorf("live hashes %x, want %x", got, want)
	}
	if got := hashes(mustRead(t, store, "other")); len(got) != 0 {
		t.Errorf("another client has them: %x", got)
	}
	if err := store.AddClientSecret(ctx, "none", idp.ClientSecret{ID: "x", Hash: hashOf("x")}); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("a secret for no client: %v", err)
	}
}

func TestEveryChangeIsNotified(t *testing.T) {
	t.Parallel()
	store := postgres.New(pgtest.New(t))
	ctx, stop := context.WithCancel(t.Context())
	tables := make(chan string, 100)
	var watching sync.WaitGroup
	watching.Go(func() { store.Watch(ctx, slog.New(slog.DiscardHandler), func(table string) { tables <- table }) })
	defer watching.Wait()
	defer stop()
	expect := func(what, want string) {
		t.Helper()
		for timeout := time.After(10 * time.Second); ; {
			select {
			case got := <-tables:
				if got == want {
					return
				}
			case <-timeout:
				t.Fatalf("%s: no notification of %q", what, want)
			}
		}
	}
	drain := func() {
		for len(tables) > 0 {
			<-tables
		}
	}
	expect("connecting", "")
	must(t, store.CreateClient(ctx, client("web", idp.ManagedByAPI), idp.ClientSecret{ID: "s", Hash: hashOf("s")}))
	expect("create", "clients")
	drain()
	c := mustRead(t, store, "web")
	must(t, store.UpdateClient(ctx, c))
	expect("update", "clients")
	must(t, store.AddClientSecret(ctx, "web", idp.ClientSecret{ID: "x", Hash: hashOf("x")}))
	expect("add secret", "client_secrets")
	must(t, store.DeleteClientSecret(ctx, "web", "x"))
	expect("delete secret", "client_secrets")
	must(t, store.DeleteClient(ctx, mustRead(t, store, "web")))
	expect("delete", "clients")
	must(t, addKey(ctx, store, idp.SigningKey{KID: "k", Alg: idp.ES256, Wrapped: []byte{1}}))
	expect("add key", "signing_keys")
}

func hashes(c idp.Client) (list [][]byte) {
	for _, s := range c.Secrets {
		list = append(list, s.Hash)
	}
	return list
}
