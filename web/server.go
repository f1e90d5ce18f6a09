// Package web is the explorer: a page on which one understands the paper by
// playing with it, and the server of that page. All numbers are computed here,
// by the packages that the command uses; the page draws.
package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"time"

	"icar/nn"
	"icar/theory"
	"icar/train"
)

// Bounds on what is done at a time. Beyond them a request waits a moment and
// is then refused with 429.
const (
	maxTrainings = 8
	maxViewers   = 16
	maxArriving  = 8 // uploads on their way
	maxUploads   = 2 // those that have arrived and are looked into
	maxWait      = time.Second / 2
	goodbye      = 3 * time.Second // for requests under way when the server stops
)

// Bounds on what is kept to be asked for again.
const (
	maxAnswers  = 8 << 20 // bytes
	maxInsights = 8       // models, each of at most some MiB
	maxFits     = 64
)

// Options say what is served, and where.
type Options struct {
	Address string // HOST:PORT to listen on; port 0 takes any
	Runs    string // folder of the runs of icar train; need not exist
	Outcome string // folder of icar reproduce; need not exist
	Sweeps  Sweeps // of a database, besides those in files below Runs; nil for none
	// Catalogue is what the configurations of runs and models mean; nil for the
	// standard one.
	Catalogue *train.Catalogue
	// Processor is what models are trained on; the zero value is the machine's default
	// kernel.
	Processor nn.Processor
	Log       *slog.Logger
}

// Server is the explorer.
type Server struct {
	options                          Options
	listener                         net.Listener
	token                            string // "" on the loopback interface
	shelf                            shelf
	outcome                          root
	files                            sweepFiles
	sweepList                        sweepList
	answers                          cache[question, []byte]
	insights                         cache[identity, insight]
	fits                             cache[fitKey, fitted]
	deeps                            cache[deepKey, deep]
	steps                            cache[stepsKey, assessed]
	descents                         cache[positionKey, *theory.PositionDescent]
	computations, trainings, viewers slots
	arriving, uploads, sweeping      slots
	stopped                          context.Context
	stop                             context.CancelFunc
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
	s := &Server{
		options: o, listener: listener, shelf: shelf{root: root(o.Runs), catalogue: o.Catalogue},
		outcome:  root(o.Outcome),
		files:    sweepFiles{root: root(o.Runs), catalogue: o.Catalogue},
		answers:  cache[question, []byte]{limit: maxAnswers, size: sizeOf},
		insights: cache[identity, insight]{limit: maxInsights},
		fits:     cache[fitKey, fitted]{limit: maxFits},
		deeps:    cache[deepKey, deep]{limit: maxFits},
		steps:    cache[stepsKey, assessed]{limit: maxFits},
		descents: cache[positionKey, *theory.PositionDescent]{limit: maxFits},
		computations: newSlots(runtime.GOMAXPROCS(0), maxWait,
			"the server is busy with other pictures: try again in a second"),
		trainings: newSlots(maxTrainings, maxWait,
			fmt.Sprintf("%d trainings are running, as many as may: wait until one is done, or "+
				"close another page", maxTrainings)),
		viewers: newSlots(maxViewers, maxWait,
			"the server is busy with the lists of runs: try again in a second"),
		sweeping: newSlots(maxSweeping, maxWait,
			"the server is busy with other sweeps: try again in a second"),
		arriving: newSlots(maxArriving, maxArrival,
			"other files are on their way: try again in a second"),
		uploads: newSlots(maxUploads, maxWait,
			"other files are being read: try again in a second"),
	}
	if !local {
		s.token = rand.Text()
	}
	s.stopped, s.stop = context.WithCancel(context.Background())
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

// until returns a context that is done when a request's is or when the server
// stops.
func (s *Server) until(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(s.stopped, cancel)
	return ctx, func() { unhook(); cancel() }
}

// handler returns the routes behind the guard.
func (s *Server) handler() (http.Handler, error) {
	mux := http.NewServeMux()
	for _, route := range routes() {
		mux.HandleFunc(route.method+" "+route.path, func(w http.ResponseWriter, r *http.Request) {
			err := s.answer(w, r, route)
			// A body that does not come ends the context too, and is answered.
			if err != nil && (r.Context().Err() == nil || errors.As(err, new(refusal))) {
				writeError(w, err)
			}
		})
	}
	if err := addPage(mux); err != nil {
		return nil, err
	}
	name, _, err := net.SplitHostPort(s.options.Address)
	return guard{next: mux, token: s.token, name: name}, err
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, route route) error {
	if route.body == 0 && r.ContentLength != 0 {
		return refuse(http.StatusRequestEntityTooLarge, "%s takes no body", route.path)
	}
	r.Body = http.MaxBytesReader(w, r.Body, route.body)
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil { // URL.Query would leave out what it does not understand
		return refuse(http.StatusBadRequest, "the query cannot be read: %v", err)
	}
	v, err := parse(route.parameters, query)
	if err != nil {
		return bad(err)
	}
	return route.serve(s, w, r, v)
}
