package postgres_test

import (
	"os"
	"testing"

	"near-idp/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
