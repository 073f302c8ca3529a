// Package near knows the NEAR side of a wallet sign-in: account ids, Ed25519
// keys and signatures in their wire forms, the NEP-413 payload and its
// verification, near-sign-verify's authToken, and the JSON-RPC question
// whether a key may speak for an account.
//
// Every parser is strict: lengths are capped before anything is decoded, one
// value has exactly one accepted reading, and what is refused is refused by a
// sentinel error that the caller can turn into a reason.
//
// Signatures are verified without the network. Verify first and ask the chain
// second: the other order lets anyone spend the providers' quota.
package near
