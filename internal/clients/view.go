package clients

import (
	"slices"

	"near-idp/internal/idp"
)

// A view is the clients as they were read. It never changes.
type view struct {
	byID     map[string]entry
	served   int             // clients that are valid
	origins  map[string]bool // of the redirect URIs of enabled clients
	loopback map[string]bool // those of them that are this machine's, whatever the port: the host
	logos    map[string]bool // of enabled clients, by hash
}

// An entry is one stored client.
type entry struct {
	version int64
	client  *idp.Client // nil: it is not valid and not served
	origins []string    // of its redirect URIs; none for the provider's own
}

func newView(byID map[string]entry) *view {
	v := &view{byID: byID, origins: make(map[string]bool, len(byID)), loopback: map[string]bool{}, logos: map[string]bool{}}
	for _, e := range byID {
		if e.client == nil {
			continue
		}
		v.served++
		if e.client.Disabled {
			continue
		}
		if hash := e.client.Logo.Hash; hash != "" {
			v.logos[hash] = true
		}
		for _, origin := range e.origins {
			v.origins[origin] = true
			if host, rest, ok := cutLoopback(origin); ok && rest == "" {
				v.loopback[host] = true
			}
		}
	}
	return v
}

// client returns the client that is served under an id, or nil.
func (v *view) client(id string) *idp.Client { return v.byID[id].client }

// originsOf are those of a client's redirect URIs.
func originsOf(c *idp.Client) []string {
	var origins []string
	for _, uri := range c.RedirectURIs {
		if origin := Origin(uri); origin != "" && !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	return origins
}
