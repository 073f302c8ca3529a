package demo

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
)

func TestBothLoopbackAddressesAnswer(t *testing.T) {
	t.Parallel()
	l, err := Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "here") })}
	go server.Serve(l)
	defer server.Close()
	for i, host := range []string{"127.0.0.1", "::1"} {
		if i == len(l.parts) {
			t.Skip("this machine has no IPv6")
		}
		answer, err := http.Get("http://" + net.JoinHostPort(host, strconv.Itoa(l.Port())))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if string(body) != "here" {
			t.Errorf("%s answered %q", host, body)
		}
	}
}

// A server on the other address would be handed the cookies of whoever looks up "localhost".
func TestPortTakenOnEitherAddress(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "::1"} {
		other, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			continue // no IPv6
		}
		defer other.Close()
		port := other.Addr().(*net.TCPAddr).Port
		if l, err := Listen(port); !errors.Is(err, ErrPortTaken) {
			t.Errorf("port %d of %s: %v", port, host, err)
			l.Close()
		}
		next, err := ListenFrom(port)
		if err != nil {
			t.Fatal(err)
		}
		if next.Port() <= port {
			t.Errorf("ListenFrom(%d) took %d", port, next.Port())
		}
		next.Close()
	}
}
