package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// A wire is one HTTP/1.1 connection that is kept alive. It does next to nothing, since whoever
// drives the load shares the processor with what is measured: requests are bytes, and
// of an answer it keeps the status, the body, Location and cookies.
type wire struct {
	address string // where to connect
	from    net.IP // to connect from; nil: whatever the system takes
	conn    net.Conn
	in      *bufio.Reader

	status   int
	body     []byte // until the next exchange, like location
	location []byte
	cookies  jar
}

// A jar is what a browser keeps.
type jar []struct{ name, value string }

const patience = 30 * time.Second

func (w *wire) close() {
	if w.conn != nil {
		w.conn.Close()
		w.conn = nil
	}
}

func (w *wire) dial() error {
	dialer := net.Dialer{Timeout: patience}
	if w.from != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: w.from}
	}
	conn, err := dialer.Dial("tcp", w.address)
	if err != nil {
		return err
	}
	w.conn, w.in = conn, bufio.NewReaderSize(conn, 8<<10)
	return nil
}

// exchange sends a request and reads the answer to its end.
func (w *wire) exchange(request []byte) error {
	w.status = 0
	if w.conn == nil {
		if err := w.dial(); err != nil {
			return err
		}
	}
	err := w.conn.SetDeadline(time.Now().Add(patience))
	if err == nil {
		_, err = w.conn.Write(request)
	}
	if err == nil {
		err = w.read()
	}
	if err != nil {
		w.close()
		line, _, _ := bytes.Cut(request, []byte("\r\n"))
		return fmt.Errorf("%.80s: %w", line, err)
	}
	return nil
}

// expect is exchange for a request that has one good answer.
func (w *wire) expect(status int, request []byte) error {
	if err := w.exchange(request); err != nil {
		return err
	}
	if w.status != status {
		line, _, _ := bytes.Cut(request, []byte("\r\n"))
		return fmt.Errorf("%.80s: HTTP %d %.300s", line, w.status, w.body)
	}
	return nil
}

func (w *wire) read() error {
	line, err := w.line()
	if err != nil {
		return err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return fmt.Errorf("not HTTP/1.1: %.40q", line)
	}
	if w.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return err
	}
	w.body, w.location = w.body[:0], w.location[:0]
	length, chunked, closes := 0, false, false
	for {
		if line, err = w.line(); err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch string(name) {
		case "Content-Length":
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		case "Transfer-Encoding":
			chunked = true
		case "Connection":
			closes = string(value) == "close"
		case "Location":
			w.location = append(w.location, value...)
		case "Set-Cookie":
			w.keep(value)
		}
	}
	if chunked {
		err = w.chunks()
	} else if w.status != http.StatusNotModified {
		err = w.take(length)
	}
	if closes {
		w.close()
	}
	return err
}

func (w *wire) line() ([]byte, error) {
	line, err := w.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// take reads n more bytes of the body.
func (w *wire) take(n int) error {
	if n < 0 || n > 8<<20 {
		return errors.New("an answer of unlikely size")
	}
	have := len(w.body)
	if cap(w.body) < have+n {
		w.body = append(make([]byte, 0, 2*(have+n)), w.body...)
	}
	w.body = w.body[:have+n]
	_, err := io.ReadFull(w.in, w.body[have:])
	return err
}

func (w *wire) chunks() error {
	for {
		line, err := w.line()
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(line), 16, 32)
		if err != nil {
			return err
		}
		if err := w.take(int(size)); err != nil {
			return err
		}
		if _, err := w.line(); err != nil || size == 0 {
			return err
		}
	}
}

// keep takes a cookie over: only its name, its value and whether it is to go.
func (w *wire) keep(header []byte) {
	pair, attributes, _ := bytes.Cut(header, []byte("; "))
	name, value, _ := bytes.Cut(pair, []byte("="))
	gone := bytes.Contains(attributes, []byte("Max-Age=0"))
	for i := range w.cookies {
		if w.cookies[i].name == string(name) {
			if gone {
				w.cookies = append(w.cookies[:i], w.cookies[i+1:]...)
			} else {
				w.cookies[i].value = string(value)
			}
			return
		}
	}
	if !gone {
		w.cookies = append(w.cookies, struct{ name, value string }{string(name), string(value)})
	}
}

// member returns the text at name in a flat JSON object that a server of ours
// wrote; nil if there is none. Escapes stay as they are.
func member(body []byte, name string) []byte {
	for rest := body; ; {
		i := bytes.Index(rest, []byte(name))
		if i < 0 {
			return nil
		}
		before, after := rest[:i], rest[i+len(name):]
		rest = after
		if after, ok := bytes.CutPrefix(after, []byte(`":"`)); ok && bytes.HasSuffix(before, []byte{'"'}) {
			end := bytes.IndexByte(after, '"')
			if end < 0 {
				return nil
			}
			return after[:end]
		}
	}
}
