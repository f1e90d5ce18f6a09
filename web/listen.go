//go:build !js

package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	maxWait = time.Second / 2
	goodbye = 3 * time.Second // for requests under way when the server stops

	maxArriving = 8 // uploads on their way
)

// logger takes what goes wrong between requests.
type logger = *slog.Logger

// door is where requests come in.
type door struct {
	listener net.Listener
	token    string // "" on the loopback interface
	arriving slots
}

// Listen opens the server's address. Requests are answered once Serve runs.
// When other machines can reach the address, URL holds a token that they have
// to know. The error says what is wrong with the address.
func Listen(o Options) (*Server, error) {
	local, err := loopback(o.Address)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", o.Address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another --address", o.Address, err)
	}
	s := newServer(o)
	s.listener = listener
	s.arriving = newSlots(maxArriving, maxArrival,
		"other files are on their way: try again in a second")
	if !local {
		s.token = rand.Text()
	}
	return s, nil
}

// URL is the address of the page, with the token if there is one.
func (s *Server) URL() string {
	host := s.listener.Addr().String()
	if name, _, err := net.SplitHostPort(s.options.Address); err == nil && name != "" &&
		!net.ParseIP(name).IsUnspecified() {
		_, port, _ := net.SplitHostPort(host) // it is that of a listener
		host = net.JoinHostPort(name, port)
	}
	if s.token == "" {
		return "http://" + host + "/"
	}
	return "http://" + host + "/?token=" + s.token
}

// Serve answers requests until ctx is done, then ends streams, lets the
// requests under way finish and returns nil. It can be called once.
func (s *Server) Serve(ctx context.Context) error {
	h, err := s.handler()
	if err != nil {
		return errors.Join(err, s.listener.Close())
	}
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		IdleTimeout:  time.Minute,
		WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(s.options.Log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.listener) }()
	select {
	case err := <-ended:
		s.stop()
		return err
	case <-ctx.Done():
	}
	s.stop() // streams end by themselves
	finish, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	if err := server.Shutdown(finish); err != nil {
		return server.Close()
	}
	return nil
}

// handler returns the routes behind the guard.
func (s *Server) handler() (http.Handler, error) {
	mux := http.NewServeMux()
	for _, route := range routes() {
		mux.HandleFunc(route.method+" "+route.path, func(w http.ResponseWriter, r *http.Request) {
			x := httpExchange{s, w, r}
			err := s.answer(x, route)
			// A body that does not come ends the context too, and is answered.
			if err != nil && (r.Context().Err() == nil || errors.As(err, new(refusal))) {
				answerError(x, err)
			}
		})
	}
	if err := addPage(mux); err != nil {
		return nil, err
	}
	name, _, err := net.SplitHostPort(s.options.Address)
	return guard{next: mux, token: s.token, name: name}, err
}

func (s *Server) answer(x httpExchange, route route) error {
	if route.body == 0 && x.r.ContentLength != 0 {
		return refuse(statusTooLarge, "%s takes no body", route.path)
	}
	return s.respondTo(x.r.Context(), x, route, x.r.URL.RawQuery)
}

// httpExchange is a request and its response.
type httpExchange struct {
	s *Server
	w http.ResponseWriter
	r *http.Request
}

func (x httpExchange) path() string { return x.r.URL.Path }
func (x httpExchange) seen() string { return x.r.Header.Get("If-None-Match") }

func (x httpExchange) answer(status int, tag string, document []byte) {
	if tag != "" {
		x.w.Header().Set("ETag", tag)
	}
	if status == statusBusy {
		x.w.Header().Set("Retry-After", "1")
	}
	if document != nil {
		x.w.Header().Set("Content-Type", "application/json")
	}
	x.w.WriteHeader(status)
	x.w.Write(document)
}

// breathe does nothing where goroutines interrupt one another.
func breathe() {}
