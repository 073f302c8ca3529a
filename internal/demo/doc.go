// Package demo is what `idp dev` adds to the provider, so that a newcomer
// completes a login in a minute without a wallet, an account or the internet: a
// demo application, a development wallet and a simulated NEAR network.
//
// The signatures, their verification, the protocol and the tokens are real;
// only the network is simulated. The application is an ordinary relying party
// that knows the provider by its issuer alone, and the wallet reaches it through
// the browser alone, so both are also independent checks of the provider.
//
// Nothing here is safe to expose: whoever reaches the wallet can sign as each of
// its accounts. It all listens on loopback, and `idp serve` has no part of it.
package demo
