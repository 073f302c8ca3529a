package main

import (
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"near-idp/internal/admin"
)

// inProcess calls a handler of this process, as one principal, without a network.
type inProcess struct {
	handler http.Handler
	as      admin.Principal
}

// RoundTrip answers as soon as the handler has written its header; the body follows, so
// that streams are streams.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	request := r.Clone(admin.As(r.Context(), t.as))
	if request.Body == nil {
		request.Body = http.NoBody
	}
	request.RequestURI = r.URL.RequestURI()
	reader, writer := io.Pipe()
	w := &pipeWriter{header: http.Header{}, body: writer, begun: make(chan struct{})}
	go func() {
		t.handler.ServeHTTP(w, request)
		w.WriteHeader(http.StatusOK)
		_ = writer.Close() // it never fails
	}()
	select {
	case <-w.begun:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return &http.Response{
		StatusCode: w.status, Status: http.StatusText(w.status), Header: w.sent, Body: reader, Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1,
	}, nil
}

// A pipeWriter is the response that a handler writes.
type pipeWriter struct {
	header, sent http.Header
	status       int
	body         *io.PipeWriter
	once         sync.Once
	begun        chan struct{}
}

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.begun)
	})
}

func (w *pipeWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// Flush serves streams; nothing is held back here.
func (w *pipeWriter) Flush() { w.WriteHeader(http.StatusOK) }

// quiet drops the log of requests within this process: the command says what came of them.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// faults logs what the command cannot say: the cause of a fault of the program itself, or of its
// configuration.
func faults() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}
