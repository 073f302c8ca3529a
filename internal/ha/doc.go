// Package ha is `make ha`: two replicas behind a proxy, and a primary with a synchronous
// standby behind a network that can be cut, while people sign in and applications refresh.
// Replicas and servers are killed, the chain lies, a clock jumps; a ledger of
// what was acknowledged is then held against what the database still has.
package ha
