// Package referees has relying parties that others wrote judge the provider:
// each is started as its users start it, signs accounts in, and is asked who
// they are to it. `make referees` runs them; `go test` alone skips them.
//
// A referee is one test in a file of its own:
//
//	func TestKeycloak(t *testing.T) {
//		r := call(t, "Keycloak")
//		home := …                       // its parts; r.absent("why") if they cannot be had
//		r.version = "26.7.3"
//		s := newSite(r, configuration)  // a provider, its database, its chain, its people
//		r.try(implicit, func(t *testing.T) {
//			page := s.person(t, implicit).open(keycloakURL) // redirects, the wallet's signature and back
//			…
//		})
//		…
//	}
//
// It passes once it has tried every kind of account, and has a row in the
// report then, as it has when it failed, and when it was not run. What the list
// REFEREES_REQUIRED names (by spaces, or "all") must be run.
package referees
