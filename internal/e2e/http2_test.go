package e2e

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// Frames of HTTP/2 (RFC 9113 section 6).
const (
	frameHeaders      = 0x1
	frameReset        = 0x3
	frameSettings     = 0x4
	framePing         = 0x6
	frameContinuation = 0x9

	endStream, endHeaders = 0x1, 0x4

	maxConcurrentStreams, maxHeaderListSize = 0x3, 0x6
)

// A line is an HTTP/2 connection, written by hand: libraries refuse to misbehave.
type line struct {
	*tls.Conn
	read *bufio.Reader
}

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))[1:]
	head = binary.BigEndian.AppendUint32(append(head, kind, flags), stream)
	return append(head, payload...)
}

// getRoot is the headers of GET / in HPACK (RFC 7541 appendix A), with nothing to be remembered.
func getRoot(stream uint32) []byte {
	return frame(frameHeaders, endStream|endHeaders, stream, []byte{0x82, 0x87, 0x84, 0x01, 0x01, 'x'})
}

// dialHTTP2 returns a connection and the server's settings.
func (p *process) dialHTTP2() (*line, map[uint16]uint32) {
	p.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(p.base, "https://"), &tls.Config{RootCAs: p.tls.Pool, NextProtos: []string{"h2"}})
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { conn.Close() })
	l := &line{conn, bufio.NewReader(conn)}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Write(append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(frameSettings, 0, 0, nil)...)); err != nil {
		p.Fatal(err)
	}
	settings := map[uint16]uint32{}
	kind, payload, err := l.next()
	if err != nil || kind != frameSettings {
		p.Fatalf("frame %d: %v", kind, err)
	}
	for ; len(payload) >= 6; payload = payload[6:] {
		settings[binary.BigEndian.Uint16(payload)] = binary.BigEndian.Uint32(payload[2:])
	}
	return l, settings
}

func (l *line) next() (kind byte, payload []byte, err error) {
	var head [9]byte
	if _, err := io.ReadFull(l.read, head[:]); err != nil {
		return 0, nil, err
	}
	payload = make([]byte, binary.BigEndian.Uint32(append([]byte{0}, head[:3]...)))
	_, err = io.ReadFull(l.read, payload)
	return head[3], payload, err
}

// flood writes that many times, or until the server hangs up, and reports whether it did. Its
// answers are read beside.
func (l *line) flood(next func(i int) []byte, times int) bool {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, l.read)
	}()
	for i := range times {
		if _, err := l.Write(next(i)); err != nil {
			return !errors.Is(err, os.ErrDeadlineExceeded)
		}
	}
	select {
	case <-ended:
		return true
	default:
		return false
	}
}

// H03: what HTTP/2 lets one connection ask for is bounded, and the floods known of it end with that
// connection alone.
func TestFloodsOverHTTP2EndWithTheirConnection(t *testing.T) {
	t.Parallel()
	p := newTLSSite(t)
	_, settings := p.dialHTTP2()
	if n := settings[maxConcurrentStreams]; n != 100 {
		t.Errorf("%d streams at once", n)
	}
	if n := settings[maxHeaderListSize]; n < 16<<10 || n > 64<<10 {
		t.Errorf("headers of %d bytes", n)
	}
	continued, _ := p.dialHTTP2()
	junk := append([]byte{0x00, 0x03, 'x', '-', 'a', 0x7f, 0x81, 0x3e}, []byte(strings.Repeat("a", 8000))...)
	if !continued.flood(func(i int) []byte {
		if i == 0 {
			return frame(frameHeaders, endStream, 1, []byte{0x82, 0x87, 0x84, 0x01, 0x01, 'x'})
		}
		return frame(frameContinuation, 0, 1, junk)
	}, 10_000) {
		t.Error("CONTINUATION without an end goes on and on")
	}
	// Each stream is opened and reset at once (CVE-2023-44487). The server works off so many at a time, and
	// refuses the connection when it is behind.
	reset, _ := p.dialHTTP2()
	began := time.Now()
	reset.flood(func(i int) []byte {
		stream := uint32(2*i + 1)
		return append(getRoot(stream), frame(frameReset, 0, stream, []byte{0, 0, 0, 8})...)
	}, 20_000)
	t.Logf("20,000 resets took %v", time.Since(began))
	pings, _ := p.dialHTTP2()
	pings.flood(func(int) []byte { return frame(framePing, 0, 0, make([]byte, 8)) }, 20_000)
	if r, err := p.tls.Client().Get(p.base + "/readyz"); err != nil || r.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %v %v", r, err)
	}
}
