package jose

import "testing"

// FuzzVerify holds parsing of what clients send to its word: no input panics, and
// no set holds a key that is private, symmetric or of an unknown kind.
func FuzzVerify(f *testing.F) {
	f.Add("eyJhbGciOiJub25lIn0.e30.", `{"keys":[{"kty":"oct","k":"AAAA"}]}`)
	f.Add("eyJhbGciOiJFUzI1NiIsImtpZCI6IngifQ.e30.AAAA", `{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`)
	f.Add("..", `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`)
	f.Fuzz(func(t *testing.T, token, keys string) {
		_, _ = Unverified(token) // may fail, and must not panic
		set, err := ParsePublishedSet([]byte(keys))
		if err != nil {
			return
		}
		for _, key := range set.keys {
			if !key.IsPublic() || algsOf(key.Key) == nil {
				t.Fatalf("a key of kind %T is in the set", key.Key)
			}
		}
		_, _ = set.Verify(token, Algs) // may succeed, for an input that holds both
	})
}
