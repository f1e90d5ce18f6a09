// Package web is the explorer: a page on which one understands the paper by
// playing with it, and what answers that page. All numbers are computed here, by
// the packages that the command uses; the page draws.
//
// A Server answers over HTTP ([Listen]) or, compiled to WebAssembly, in a worker
// beside the page (Work). What travels is an exchange; everything else is the same.
package web

import (
	"context"
	"fmt"
	"net/url"
	"runtime"

	"icar/nn"
	"icar/theory"
	"icar/train"
)

// Bounds on what is done at a time. Beyond them a request waits a moment and
// is then refused with 429.
const (
	maxTrainings = 8
	maxViewers   = 16
	maxUploads   = 2 // files that have arrived and are looked into
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
	// Backend is what models are trained on; nil is [train.Options]' usual one.
	Backend nn.NewBackend
	Log     logger
	// Learnt is a file that Learn has written, of models and fits that a page without a
	// server need not make again; "" for none.
	Learnt string
}

// Server is the explorer.
type Server struct {
	options                          Options
	door                             // through which it is asked
	shelf                            shelf
	outcome                          root
	files                            sweepFiles
	sweepList                        sweepList
	answers                          cache[question, []byte]
	insights                         cache[identity, insight]
	fits                             cache[fitKey, fitted]
	deeps                            cache[deepKey, deep]
	steps                            cache[stepsKey, assessed]
	learnt                           learnt
	descents                         cache[positionKey, *theory.PositionDescent]
	computations, trainings, viewers slots
	uploads, sweeping                slots
	stopped                          context.Context
	stop                             context.CancelFunc
}

// newServer returns a server that nobody can ask yet.
func newServer(o Options) *Server {
	s := &Server{
		options: o, shelf: shelf{root: root(o.Runs), catalogue: o.Catalogue},
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
		uploads: newSlots(maxUploads, maxWait,
			"other files are being read: try again in a second"),
	}
	s.stopped, s.stop = context.WithCancel(context.Background())
	return s
}

// until returns a context that is done when a request's is or when the server
// stops.
func (s *Server) until(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(s.stopped, cancel)
	return ctx, func() { unhook(); cancel() }
}

// respondTo answers a question.
func (s *Server) respondTo(ctx context.Context, x exchange, route route, query string) error {
	given, err := url.ParseQuery(query)
	if err != nil { // URL.Query would leave out what it does not understand
		return refuse(statusBad, "the query cannot be read: %v", err)
	}
	v, err := parse(route.parameters, given)
	if err != nil {
		return bad(err)
	}
	return route.serve(s, ctx, x, v)
}
