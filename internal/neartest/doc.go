// Package neartest is a NEAR that runs inside the process: a wallet that really
// signs NEP-413 messages and a chain that answers JSON-RPC the way nearcore
// does. Tests use it, and so does `idp dev`, where everything but the chain is
// real.
//
// It shares no code with the packages that verify, so that a mistake there
// cannot hide behind the same mistake here.
package neartest
