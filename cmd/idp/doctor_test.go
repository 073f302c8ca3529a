package main

import (
	"strings"
	"testing"
	"time"

	"near-idp/internal/config"
	"near-idp/internal/doctor"
	"near-idp/internal/idp"
	"near-idp/internal/keyring"
	"near-idp/internal/postgres"
)

func well() postgres.Health {
	return postgres.Health{Version: "16", Connections: 5, Room: 97, Commit: "on", Fsync: true, FullPages: true, Autovacuum: true, Swept: time.Second,
		Tables: []postgres.TableHealth{{Name: "logins", Bytes: 1 << 20, Rows: 10, Dead: 90}}}
}

// Each fault of a database is found, and nothing is said of one that is well.
func TestDoctorFindsFaultsOfTheDatabase(t *testing.T) {
	external := &config.Config{Database: config.Database{URL: "postgres://db", MaxConns: 20}}
	for name, c := range map[string]struct {
		spoil func(*postgres.Health)
		check string
		state doctor.State
		says  string
	}{
		"well":              {func(*postgres.Health) {}, "", doctor.OK, ""},
		"standby":           {func(h *postgres.Health) { h.Standby = true }, "database role", doctor.Failed, "standby"},
		"rights":            {func(h *postgres.Health) { h.Lacks = []string{"INSERT on logins"} }, "database role", doctor.Failed, "INSERT on logins"},
		"superuser":         {func(h *postgres.Health) { h.Superuser = true }, "database role", doctor.Warning, "superuser"},
		"fsync":             {func(h *postgres.Health) { h.Fsync = false }, "durability", doctor.Warning, "fsync is off"},
		"synchronous":       {func(h *postgres.Health) { h.Commit = "off" }, "durability", doctor.Warning, "synchronous_commit is off"},
		"too few":           {func(h *postgres.Health) { h.Room = 10 }, "connections", doctor.Failed, "max_conns is 20"},
		"nearly all":        {func(h *postgres.Health) { h.Connections = 95 }, "connections", doctor.Warning, "95 of 97"},
		"overdue":           {func(h *postgres.Health) { h.Overdue = []string{"grants"} }, "sweeper", doctor.Warning, "grants"},
		"late":              {func(h *postgres.Health) { h.Swept = time.Hour }, "sweeper", doctor.Warning, "1h0m0s ago"},
		"open transaction":  {func(h *postgres.Health) { h.Oldest = 2 * time.Hour }, "tables", doctor.Warning, "2h0m0s"},
		"no vacuum":         {func(h *postgres.Health) { h.Autovacuum = false }, "tables", doctor.Warning, "autovacuum is off"},
		"bloat":             {func(h *postgres.Health) { h.Tables[0].Dead = 1e6 }, "tables", doctor.Warning, "logins (1000000 dead"},
		"a large one lives": {func(h *postgres.Health) { h.Tables[0].Rows, h.Tables[0].Dead = 1e8, 1e6 }, "", doctor.OK, ""},
	} {
		h := well()
		c.spoil(&h)
		found := false
		for _, r := range []doctor.Result{checkRights(external, h), checkDurability(h), checkConnections(external, h), checkSweeper(h), checkTables(h)} {
			if r.Check == c.check && r.State == c.state && strings.Contains(r.Detail, c.says) && r.Remedy != "" {
				found = true
			} else if r.State != doctor.OK {
				t.Errorf("%s: %+v", name, r)
			}
		}
		if found != (c.check != "") {
			t.Errorf("%s is not found", name)
		}
	}
}

func TestDoctorFindsKeysThatNobodyReplaces(t *testing.T) {
	kek, err := keyring.ParseKEK("q4yXkT1wJm0Z7u5rN2cV8bLhG3sDfP6e")
	if err != nil {
		t.Fatal(err)
	}
	vault := keyring.Vault{KEKs: []keyring.KEK{kek}, Schedule: keyring.DefaultSchedule}
	key := keyring.KeyInfo{KID: "k", Alg: idp.ES256, State: idp.KeyActive, ActivatesAt: time.Now().Add(-100 * 24 * time.Hour), EncryptionKey: kek.String()}
	if r := checkRotation(vault, []keyring.KeyInfo{key}); r.State != doctor.Warning || !strings.Contains(r.Detail, "ES256 key k") {
		t.Errorf("%+v", r)
	}
	replaced := key
	replaced.RetiresAt = time.Now()
	young := key
	young.ActivatesAt = time.Now()
	if r := checkRotation(vault, []keyring.KeyInfo{replaced, young}); r.State != doctor.OK {
		t.Errorf("%+v", r)
	}
	former := key
	former.EncryptionKey = "00000000"
	if r := checkWrapping(vault, []keyring.KeyInfo{key, former}); r.State != doctor.Warning || !strings.Contains(r.Detail, "1 of 2") {
		t.Errorf("%+v", r)
	}
	if r := checkWrapping(vault, []keyring.KeyInfo{key}); r.State != doctor.OK {
		t.Errorf("%+v", r)
	}
}

func TestDoctorLooksAtTheDataDirectory(t *testing.T) {
	if r := checkDataDir(t.TempDir() + "/none"); r.State != doctor.Failed {
		t.Errorf("%+v", r)
	}
	if r := checkDataDir(t.TempDir()); r.Check != "data directory" || !strings.Contains(r.Detail, "free under") {
		t.Errorf("%+v", r)
	}
}
