package main

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"near-idp/internal/clients"
	"near-idp/internal/config"
	"near-idp/internal/idp"
	"near-idp/internal/pgtest"
	"near-idp/internal/postgres"

	"github.com/jackc/pgx/v5"
)

const billingKeys = `{"keys": [{"kty": "EC", "crv": "P-256", "kid": "billing-1", "alg": "ES256", "use": "sig", "x": "YNbNSe9363ktyqky2fQxWD1iJVzmt7Fk35WQSWYlYc0", "y": "nxA0dJuxqo_Zo4jL9DbVeihFv7ouydlE4dTxAShp4Kk"}]}`

// aThousand makes clients that are valid and together set every field of one.
func aThousand() []clients.Entry {
	var list []clients.Entry
	for i := range 1000 {
		no, id := false, fmt.Sprintf("app-%03d", i)
		host := "https://" + id + ".example.com"
		c := idp.Client{ID: id, Name: fmt.Sprintf("Aplikácia č. %d — 監視 🔑 $HOME ${x} %% \\", i), ClientURI: host, Disabled: i%10 == 0,
			RedirectURIs: []string{host + "/cb", host + "/cb?x=%20&y=1"}, PostLogoutRedirectURIs: []string{host + "/"}}
		entry := clients.Entry{Secret: idp.Secret(fmt.Sprintf("secret-of-%s-%032d", id, i))}
		switch i % 4 {
		case 0:
			c.TokenEndpointAuthMethod, c.RequirePKCE, c.FirstParty = idp.AuthSecretPost, &no, true
			c.BackchannelLogoutURI, c.BackchannelLogoutSessionRequired = host+"/bcl", true
			c.GrantTypes = []string{idp.GrantAuthorizationCode, idp.GrantDeviceCode, idp.GrantRefreshToken}
			c.DeviceMatchNumber, c.ResponseTypes, c.Scope = true, []string{"code"}, "openid profile offline_access"
			c.Lifetimes = idp.Lifetimes{Code: idp.Duration(30 * time.Second), AccessToken: idp.Duration(90 * time.Second), IDToken: idp.Duration(time.Hour),
				RefreshIdle: idp.Duration(36 * time.Hour), RefreshAbsolute: idp.Duration(30 * 24 * time.Hour), RefreshGrace: idp.Duration(time.Second)}
		case 1:
			c.TokenEndpointAuthMethod, entry.Secret = idp.AuthNone, ""
			c.RedirectURIs = append(c.RedirectURIs, "com.example.app:/cb", "http://127.0.0.1/cb")
		case 2:
			c.TokenEndpointAuthMethod, entry.Secret = idp.AuthPrivateKey, ""
			c.JWKS, c.TokenEndpointAuthSigningAlg, c.IDTokenSignedResponseAlg = billingKeys, idp.ES256, idp.EdDSA
			c.Profile, c.RequirePushedAuthorizationRequests, c.DPoPBoundAccessTokens = idp.ProfileFAPI2, true, true
		case 3:
			c.Preset, c.ClaimPolicy, c.BrandColor = "grafana", "default", "#0a7d5c"
			c.LogoURI, c.PolicyURI, c.TosURI = host+"/logo.png", host+"/privacy", host+"/terms?lang=en"
			if i%8 == 3 {
				c.TokenEndpointAuthMethod, c.JWKSURI, entry.Secret = idp.AuthPrivateKey, host+"/jwks", ""
			}
		}
		entry.Client = c
		list = append(list, entry)
	}
	return list
}

// What documents hold of a client is all tried; access_policy alone names something that the configuration has to have.
func TestTheThousandClientsSetEveryField(t *testing.T) {
	t.Parallel()
	set := map[string]bool{}
	for _, entry := range aThousand() {
		for f, v := range reflect.ValueOf(entry.Client).Fields() {
			set[f.Name] = set[f.Name] || !v.IsZero() || f.Tag.Get("yaml") == "-"
		}
	}
	set["AccessPolicy"] = true
	for name, isSet := range set {
		if !isSet {
			t.Errorf("no client sets %s", name)
		}
	}
}

// A counter counts the statements that a store sends.
type counter struct {
	mu         sync.Mutex
	statements []string
}

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	c.note(data.SQL)
	return ctx
}
func (*counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *counter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}
func (c *counter) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	c.note(data.SQL)
}
func (*counter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func (c *counter) note(sql string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statements = append(c.statements, strings.ToUpper(strings.Fields(sql)[0]))
}

// during returns the statements that do sends.
func (c *counter) during(do func()) string {
	c.statements = nil
	do()
	return strings.Join(c.statements, " ")
}

// A copyOf is a registry over a database of its own.
type copyOf struct {
	*testing.T
	clients.Service
	*counter
}

func newCopy(t *testing.T) *copyOf {
	t.Helper()
	c := &counter{}
	store, err := postgres.Open(t.Context(), postgres.Options{URL: pgtest.DSN(t), Tracer: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return &copyOf{t, clients.Service{Store: store}, c}
}

func (c *copyOf) apply(list []clients.Entry, opts clients.ApplyOptions) clients.Plan {
	c.Helper()
	plan, err := c.Apply(c.Context(), list, opts)
	if err != nil {
		c.Fatal(err)
	}
	return plan
}

func (c *copyOf) export(hashes, asJSON bool) []byte {
	c.Helper()
	list, err := c.Export(c.Context())
	if err != nil {
		c.Fatal(err)
	}
	document := make([]config.Registration, len(list))
	for i, client := range list {
		document[i] = config.Register(client, hashes)
	}
	var out bytes.Buffer
	if err := config.WriteClients(&out, document, asJSON); err != nil {
		c.Fatal(err)
	}
	return out.Bytes()
}

// applyText applies a document as the command does.
func (c *copyOf) applyText(text []byte, opts clients.ApplyOptions) clients.Plan {
	c.Helper()
	list, err := config.ParseClients("clients.yaml", text, nil)
	if err != nil {
		c.Fatal(err)
	}
	return c.apply(entriesOf(list), opts)
}

// A thousand clients take the statements of one, in one transaction, and under
// two seconds; a second time nothing is written.
func TestThousandClientsAreOneTransaction(t *testing.T) {
	store, list := newCopy(t), aThousand()
	store.export(false, false) // connects and prepares
	for _, step := range []struct {
		what       string
		change     func()
		prune      bool
		statements string
		want       clients.Plan
	}{
		{"create", func() {}, false, "BEGIN SELECT LOCK SELECT INSERT INSERT COMMIT", clients.Plan{Create: 1000, Applied: true}},
		{"again", func() {}, false, "BEGIN SELECT LOCK SELECT COMMIT", clients.Plan{Unchanged: 1000}},
		{"update", func() {
			for i := range list {
				list[i].Client.Name += "!"
			}
		}, false, "BEGIN SELECT LOCK SELECT UPDATE COMMIT", clients.Plan{Update: 1000, Applied: true}},
		{"prune", func() { list = list[:600] }, true, "BEGIN SELECT LOCK SELECT DELETE COMMIT", clients.Plan{Delete: 400, Unchanged: 600, Applied: true}},
	} {
		step.change()
		var plan clients.Plan
		var took time.Duration
		got := store.during(func() {
			start := time.Now()
			plan = store.apply(list, clients.ApplyOptions{Prune: step.prune})
			took = time.Since(start)
		})
		if got != step.statements {
			t.Errorf("%s: %s, want %s", step.what, got, step.statements)
		}
		if plan.Changes = nil; !reflect.DeepEqual(plan, step.want) {
			t.Errorf("%s: %+v, want %+v", step.what, plan, step.want)
		}
		t.Logf("%s: %s", step.what, took.Round(time.Millisecond))
		if took > 10*time.Second { // two on a machine of its own
			t.Errorf("%s took %s", step.what, took)
		}
	}
}

// Export, apply elsewhere and export give the same bytes, and changes nothing where it came from.
func TestExportAppliedElsewhereIsTheSameByteForByte(t *testing.T) {
	t.Parallel()
	here := newCopy(t)
	here.apply(aThousand(), clients.ApplyOptions{})
	if _, _, err := here.AddSecret(t.Context(), "app-000", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for hashes, asJSON := range map[bool]bool{false: false, true: true} {
		first := here.export(hashes, asJSON)
		if plan := here.applyText(first, clients.ApplyOptions{Prune: true}); plan.Unchanged != 1000 || plan.Applied {
			t.Errorf("hashes %v, JSON %v: applied where it came from it creates %d, updates %d, deletes %d", hashes, asJSON, plan.Create, plan.Update, plan.Delete)
		}
		there := newCopy(t)
		if plan := there.applyText(first, clients.ApplyOptions{}); plan.Create != 1000 {
			t.Errorf("created %d", plan.Create)
		}
		if second := there.export(hashes, asJSON); !bytes.Equal(first, second) {
			t.Errorf("hashes %v, JSON %v: %s", hashes, asJSON, firstDifference(first, second))
		}
	}
	if text := here.export(true, false); bytes.Contains(text, []byte("secret-of")) {
		t.Error("the export has a secret")
	}
}

func firstDifference(a, b []byte) string {
	one, two := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	for i := range min(len(one), len(two)) {
		if !bytes.Equal(one[i], two[i]) {
			return fmt.Sprintf("line %d is %q, was %q", i+1, two[i], one[i])
		}
	}
	return fmt.Sprintf("%d lines, were %d", len(two), len(one))
}
