package admin

import (
	"net/http"
	"path"
	"strings"
)

// A router finds the route of a request. Beyond http.ServeMux it knows
// patterns that end in {name}:verb, tells which methods a resource takes, and never redirects.
type router struct {
	mux   *http.ServeMux
	verbs map[string]map[string]http.Handler // by the pattern without its verb, and by the verb
}

// newRouter handles each route with what handle makes of it.
func newRouter(routes []route, handle func(route) http.Handler) *router {
	rt := &router{http.NewServeMux(), map[string]map[string]http.Handler{}}
	for _, r := range routes {
		base, verb, isVerb := strings.Cut(r.pattern, "}:")
		if !isVerb {
			rt.mux.Handle(r.pattern, handle(r))
			continue
		}
		base += "}"
		if rt.verbs[base] == nil {
			rt.verbs[base] = map[string]http.Handler{}
			rt.mux.Handle(base, rt.verb(base, handle))
		}
		rt.verbs[base][verb] = handle(r)
	}
	rt.mux.Handle("/", handle(route{pattern: "/", answer: rt.nothing}))
	return rt
}

func (rt *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if clean := path.Clean(r.URL.Path); r.URL.Path != clean && r.URL.Path != clean+"/" { // the mux would redirect
		r.URL.Path = "/"
	}
	rt.mux.ServeHTTP(w, r)
}

// verb hands a request on by what follows the last colon of its path.
func (rt *router) verb(base string, handle func(route) http.Handler) http.Handler {
	_, name, _ := strings.Cut(base[:len(base)-1], "{")
	otherwise := handle(route{pattern: base, answer: rt.nothing})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		value := r.PathValue(name)
		i := strings.LastIndexByte(value, ':')
		next := rt.verbs[base][value[i+1:]]
		if i < 0 || next == nil {
			otherwise.ServeHTTP(w, r)
			return
		}
		r.SetPathValue(name, value[:i])
		r.Pattern = base + value[i:]
		next.ServeHTTP(w, r)
	})
}

// nothing answers what no route is for: a 405 for a resource that takes other methods, else a 404.
func (rt *router) nothing(w http.ResponseWriter, r *http.Request) error {
	var allowed []string
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		if method != r.Method && rt.takes(method, r) {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return errNoResource
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return &problem{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
		Detail: "This resource takes " + strings.Join(allowed, ", ") + "."}
}

// takes reports whether there is a route for the path of a request and another method.
func (rt *router) takes(method string, r *http.Request) bool {
	other := r.Clone(r.Context())
	other.Method = method
	_, pattern := rt.mux.Handler(other)
	if verbs := rt.verbs[pattern]; verbs != nil {
		return verbs[r.URL.Path[strings.LastIndexByte(r.URL.Path, ':')+1:]] != nil
	}
	return pattern != "/" && pattern != ""
}
