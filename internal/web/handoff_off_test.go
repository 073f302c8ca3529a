package web

import (
	"net/http"
	"strings"
	"testing"
)

// An operator may do without other devices.
func TestAnotherDeviceCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	path := "/login/" + testID
	if w := s.send("GET", path, "", withCookie); w.Code != http.StatusOK || strings.Contains(w.Body.String(), path+"/phone") {
		t.Errorf("it is offered: %d %s", w.Code, w.Body)
	}
	for _, request := range []string{"POST " + path + "/phone", "GET /d/" + strings.Repeat("A", 26), "POST /d/" + strings.Repeat("A", 26)} {
		method, path, _ := strings.Cut(request, " ")
		if w := s.send(method, path, "", withCookie, asForm); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d %s", request, w.Code, w.Body)
		}
	}
}
