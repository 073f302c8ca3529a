package clients_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/idp"
)

// entries are clients of the API without secrets.
func entries(ids ...string) []clients.Entry {
	list := []clients.Entry{}
	for _, id := range ids {
		list = append(list, clients.Entry{Client: valid(id)})
	}
	return list
}

func mustApply(t *testing.T, store *counted, list []clients.Entry, opts clients.ApplyOptions) clients.Plan {
	t.Helper()
	s := service(store)
	plan, err := s.Apply(t.Context(), list, opts)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func ids(t *testing.T, store *counted) string {
	t.Helper()
	list, err := store.Clients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range list {
		all = append(all, c.ID)
	}
	return strings.Join(all, " ")
}

func TestPlanSaysWhatChangesAndDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	mustApply(t, store, entries("a", "b", "c"), clients.ApplyOptions{})
	list := entries("b", "a", "d")
	list[0].Client.Name = "Bé"
	list[0].Client.RedirectURIs = []string{"https://b.example.com/cb"}
	list[1].Secret = fileSecret
	before, err := store.Clients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := clients.Plan{Create: 1, Update: 2, Delete: 1, Changes: []clients.Change{
		{ClientID: "a", Action: clients.ActionUpdate, Secrets: "added"},
		{ClientID: "b", Action: clients.ActionUpdate, Fields: []clients.FieldChange{
			{Field: "client_name", To: "Bé"},
			{Field: "redirect_uris", From: []any{"https://app.example.com/cb"}, To: []any{"https://b.example.com/cb"}},
		}},
		{ClientID: "c", Action: clients.ActionDelete},
		{ClientID: "d", Action: clients.ActionCreate},
	}}
	if plan := mustApply(t, store, list, clients.ApplyOptions{Prune: true, DryRun: true}); !reflect.DeepEqual(plan, want) {
		t.Errorf("dry run\n%+v\nwant\n%+v", plan, want)
	}
	if after, err := store.Clients(t.Context()); err != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("a dry run wrote: %v", err)
	}
	want.Applied = true
	if plan := mustApply(t, store, list, clients.ApplyOptions{Prune: true}); !reflect.DeepEqual(plan, want) {
		t.Errorf("apply\n%+v\nwant\n%+v", plan, want)
	}
	if got := ids(t, store); got != "a b d" {
		t.Errorf("left: %s", got)
	}
	if a := read(t, store, "a"); !clients.CheckSecret(a, fileSecret, time.Now()) {
		t.Error("the secret of the list does not work")
	}
	before, _ = store.Clients(t.Context())
	plan := mustApply(t, store, list, clients.ApplyOptions{Prune: true})
	if plan.Unchanged != 3 || plan.Applied || plan.Create+plan.Update+plan.Delete > 0 {
		t.Errorf("the second apply: %+v", plan)
	}
	if after, err := store.Clients(t.Context()); err != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("the second apply wrote: %v", err)
	}
}

func TestWithoutPruneNothingIsDeleted(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	mustApply(t, store, entries("a", "b"), clients.ApplyOptions{})
	if plan := mustApply(t, store, nil, clients.ApplyOptions{}); plan.Delete != 0 || ids(t, store) != "a b" {
		t.Errorf("%+v leaves %s", plan, ids(t, store))
	}
}

// A list that is empty or of something else by mistake must not empty the registry.
func TestPruneOfTooMuchWantsAConfirmation(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := service(store)
	var many []string
	for i := range 30 {
		many = append(many, fmt.Sprintf("app-%02d", i))
	}
	mustApply(t, store, entries(many...), clients.ApplyOptions{})
	before := ids(t, store)
	for name, list := range map[string][]clients.Entry{"empty": nil, "another list": entries("other"), "most": entries(many[:14]...)} {
		for _, dry := range []bool{true, false} {
			plan, err := s.Apply(t.Context(), list, clients.ApplyOptions{Prune: true, DryRun: dry})
			if !errors.Is(err, idp.ErrConflict) || errors.Is(err, idp.ErrManagedByConfig) || !strings.Contains(err.Error(), "of 30 clients") || plan.Delete == 0 || plan.Applied {
				t.Errorf("%s: %v", name, err)
			}
		}
		if after := ids(t, store); after != before {
			t.Fatalf("%s: left %s", name, after)
		}
	}
	if plan := mustApply(t, store, entries(many[:15]...), clients.ApplyOptions{Prune: true}); plan.Delete != 15 {
		t.Errorf("half: %+v", plan)
	}
	if mustApply(t, store, nil, clients.ApplyOptions{Prune: true, PruneMany: true}); ids(t, store) != "" {
		t.Errorf("confirmed: left %s", ids(t, store))
	}
}

func TestPruneSparesTheConfigurationsClients(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	apply(t, store, entries("file")...)
	mustApply(t, store, entries("a", "b"), clients.ApplyOptions{})
	if plan := mustApply(t, store, entries("a"), clients.ApplyOptions{Prune: true}); plan.Delete != 1 || ids(t, store) != "a file" {
		t.Errorf("%+v leaves %s", plan, ids(t, store))
	}
}

func TestConflictWithTheFileAppliesNothing(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := service(store)
	c := valid("web")
	c.Source = "/etc/idp/clients.d/web.yaml"
	apply(t, store, clients.Entry{Client: c}, clients.Entry{Client: valid("gone")})
	apply(t, store, clients.Entry{Client: c})
	for _, dry := range []bool{true, false} {
		plan, err := s.Apply(t.Context(), entries("new", "web", "gone"), clients.ApplyOptions{DryRun: dry})
		if !errors.Is(err, idp.ErrManagedByConfig) || !strings.Contains(err.Error(), c.Source) || !strings.Contains(err.Error(), "short time ago") {
			t.Error(err)
		}
		if plan.Conflict != 2 || plan.Create != 1 || plan.Applied {
			t.Errorf("%+v", plan)
		}
	}
	if got := ids(t, store); got != "gone web" {
		t.Errorf("half applied: %s", got)
	}
}

func TestOneBadEntryAppliesNothing(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := service(store)
	public := valid("spa")
	public.TokenEndpointAuthMethod = idp.AuthNone
	hash := make([]byte, 32)
	for name, c := range map[string]struct {
		bad  clients.Entry
		want string
	}{
		"an account":            {clients.Entry{Client: valid("alice.near")}, `clients[1]: client_id "alice.near" has the form of a NEAR account`},
		"twice":                 {clients.Entry{Client: valid("ok"), Where: "b.yaml:7"}, `b.yaml:7: client_id "ok" is that of clients[0] too`},
		"a redirect":            {clients.Entry{Client: idp.Client{ID: "x", RedirectURIs: []string{"http://evil.example/"}}, Where: "b.yaml:7"}, "b.yaml:7: redirect_uris"},
		"a secret of a public":  {clients.Entry{Client: public, Secret: fileSecret}, "clients[1]: secret is set"},
		"hashes of a public":    {clients.Entry{Client: public, Secrets: []idp.ClientSecret{{Hash: hash}}}, "clients[1]: secret is set"},
		"a weak secret":         {clients.Entry{Client: valid("weak"), Secret: "hunter2"}, "clients[1]: secret has 7 characters"},
		"a short hash":          {clients.Entry{Client: valid("x"), Secrets: []idp.ClientSecret{{Hash: hash[1:]}}}, "secrets[0].hash has 31 bytes"},
		"a secret as prefix":    {clients.Entry{Client: valid("x"), Secrets: []idp.ClientSecret{{Hash: hash, Prefix: "ncs_0123456789"}}}, "secrets[0].prefix"},
		"the file's secret":     {clients.Entry{Client: valid("x"), Secrets: []idp.ClientSecret{{Hash: hash, ID: "config:x"}}}, "secrets[0].id"},
		"another one's secret":  {clients.Entry{Client: valid("x"), Secrets: []idp.ClientSecret{{Hash: hash, ID: "applied:ok"}}}, "secrets[0].id"},
		"a secret in two forms": {clients.Entry{Client: valid("x"), Secret: fileSecret, Secrets: []idp.ClientSecret{{Hash: hash}}}, "exclude one another"},
	} {
		_, err := s.Apply(t.Context(), append(entries("ok"), c.bad), clients.ApplyOptions{})
		if _, isInvalid := errors.AsType[*clients.Invalid](err); !isInvalid || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := ids(t, store); got != "" {
		t.Errorf("half applied: %s", got)
	}
}

func TestSecretsAreUntouchedUnlessTheListSaysSo(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := service(store)
	list := entries("web")
	list[0].Secret = fileSecret
	mustApply(t, store, list, clients.ApplyOptions{})
	_, added, err := s.AddSecret(t.Context(), "web", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	live := func(step string, want ...string) {
		t.Helper()
		c := read(t, store, "web")
		for _, secret := range want {
			if !clients.CheckSecret(c, secret, time.Now()) {
				t.Errorf("%s: a secret that should be live is not", step)
			}
		}
		if len(c.Secrets) != len(want) {
			t.Errorf("%s: %d live secrets, want %d", step, len(c.Secrets), len(want))
		}
	}
	if plan := mustApply(t, store, entries("web"), clients.ApplyOptions{}); plan.Unchanged != 1 {
		t.Errorf("%+v", plan)
	}
	live("no word of secrets", fileSecret, string(added))
	list[0].Secret = nextSecret
	if plan := mustApply(t, store, list, clients.ApplyOptions{}); plan.Changes[0].Secrets != "replaced" {
		t.Errorf("%+v", plan)
	}
	live("another secret", nextSecret, string(added))
	// A secret that the client has in another way is not added once more.
	list[0].Secret = added
	if plan := mustApply(t, store, list, clients.ApplyOptions{}); plan.Unchanged != 1 {
		t.Errorf("%+v", plan)
	}
	hashes := read(t, store, "web").Secrets
	list[0].Secret, list[0].Secrets = "", hashes[:1]
	if plan := mustApply(t, store, list, clients.ApplyOptions{}); plan.Changes[0].Secrets != "removed" {
		t.Errorf("%+v", plan)
	}
	live("exactly one", nextSecret)
	list[0].Secrets = []idp.ClientSecret{}
	mustApply(t, store, list, clients.ApplyOptions{})
	live("none")
	// Another client cannot take the id of a secret, and an expired one stays away.
	list[0].Secrets = hashes
	mustApply(t, store, list, clients.ApplyOptions{})
	thief := clients.Entry{Client: valid("thief"), Secrets: []idp.ClientSecret{hashes[1]}}
	if _, err := s.Apply(t.Context(), []clients.Entry{thief}, clients.ApplyOptions{}); !errors.Is(err, idp.ErrConflict) {
		t.Errorf("a secret of another client: %v", err)
	}
	list[0].Secrets[0].ExpiresAt = time.Now().Add(-time.Minute)
	mustApply(t, store, list, clients.ApplyOptions{})
	live("one expired", string(added))
}

// Two lists that are applied at once end as one of them, never as a mixture.
func TestAppliesAtOnceDoNotMix(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			list := entries("a", "b", "c")
			for j := range list {
				list[j].Client.Name = fmt.Sprint("by ", i)
			}
			list = append(list, entries(fmt.Sprint("only-", i))...)
			mustApply(t, store, list, clients.ApplyOptions{Prune: true})
		})
	}
	group.Wait()
	list, err := store.Clients(t.Context())
	if err != nil || len(list) != 4 || list[0].Name != list[1].Name || list[1].Name != list[2].Name || list[3].ID != strings.Replace(list[0].Name, "by ", "only-", 1) {
		t.Errorf("%+v, %v", list, err)
	}
}

// What PostgreSQL cannot store is refused before, field by field, and never a fault of ours.
func TestTextThatCannotBeStoredIsRefused(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	s := service(store)
	set := reflect.TypeFor[idp.Client]()
	for f := range set.Fields() {
		if f.Tag.Get("yaml") == "-" || f.Type.Kind() != reflect.String && f.Type != reflect.TypeFor[[]string]() {
			continue
		}
		const ec = `"kty":"EC","crv":"P-256","x":"YNbNSe9363ktyqky2fQxWD1iJVzmt7Fk35WQSWYlYc0","y":"nxA0dJuxqo_Zo4jL9DbVeihFv7ouydlE4dTxAShp4Kk"`
		for _, bad := range []string{"\x00", "a\x00b", "\xff", `{"keys":[{` + ec + `,"kid":"\u0000"}]}`,
			`{"keys":[{` + ec + `}],"x":["\ud800"]}`, `{"keys":[{` + ec + `}],"x":1e999999}`, `{"keys":[{` + ec + `}],"\u0000":1}`} {
			c := valid("web")
			if field := reflect.ValueOf(&c).Elem().FieldByIndex(f.Index); field.Kind() == reflect.String {
				field.SetString(bad)
			} else {
				field.Set(reflect.ValueOf([]string{bad}))
			}
			if f.Name == "JWKS" {
				c.TokenEndpointAuthMethod = idp.AuthPrivateKey
			}
			_, err := s.Apply(t.Context(), []clients.Entry{{Client: c}}, clients.ApplyOptions{})
			if _, isInvalid := errors.AsType[*clients.Invalid](err); !isInvalid {
				t.Errorf("%s with %.20q: %v", f.Name, bad, err)
			}
		}
	}
}
