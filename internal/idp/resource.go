package idp

// A Resource is an API that access tokens are issued for, as the operator
// configured it (RFC 8707).
type Resource struct {
	// URI is what clients name it by and what the "aud" of its tokens says, byte for byte.
	URI string `yaml:"uri"`
	// Scopes are what a client may be granted there, besides those of the provider itself.
	Scopes []string `yaml:"scopes"`
	// AccessToken bounds the life of tokens for it; 0: as the client's lifetimes say.
	AccessToken Duration `yaml:"access_token"`
	// ServedBy lists the clients that serve it, and so may introspect its tokens.
	ServedBy []string `yaml:"served_by"`
}
