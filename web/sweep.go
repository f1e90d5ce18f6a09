package web

import (
	"context"
	"slices"
	"sync"
	"time"

	"icar/train"
)

// Sweeps is where the results of icar sweep are read from: files below the folder of
// runs, and a database where the options name one.
type Sweeps interface {
	// Sweeps returns the sweeps in the order in which they were made.
	Sweeps(context.Context) ([]Sweep, error)
	// Trials returns at most so many trials of a sweep, in the order of its plan. The
	// error is an fs.ErrNotExist if there is no such sweep.
	Trials(ctx context.Context, id string, most int) ([]Trial, error)
}

// Sweep is how far a sweep has come. Of results in a file nothing is known but what is
// done.
type Sweep struct {
	ID      string `json:"id"`
	From    string `json:"from"` // where it was read, in a word or two
	Trials  int64  `json:"trials"`
	Done    int64  `json:"done"`
	Running int64  `json:"running"`
	Pending int64  `json:"pending"`
	Failed  int64  `json:"failed"`
	Error   string `json:"error,omitempty"` // why it cannot be read
}

// Trial is one of its trainings.
type Trial struct {
	ID, State string // pending, running, done, failed or cancelled
	Error     string // of its last failure
	Config    train.Config
	Steps     int     // of one that is done, as the next
	Loss      float64 // of the last batch
	TestMSE   float64

	values map[string]string // of Config
}

// done is the state of a trial that has a result.
const done = "done"

const (
	maxTrials   = 2000 // of a sweep
	maxSweeping = 2    // that are read at a time
	sweepAge    = 2 * time.Second
)

// sweepList is which sweeps there were when somebody last looked, and where each is from.
type sweepList struct {
	mu   sync.Mutex
	at   time.Time
	all  []Sweep
	from []Sweeps
}

// sources are where this server reads sweeps from.
func (s *Server) sources() []Sweeps {
	if s.options.Sweeps == nil {
		return []Sweeps{&s.files}
	}
	return []Sweeps{&s.files, s.options.Sweeps}
}

// listSweeps answers with the sweeps that there are.
func (s *Server) listSweeps(ctx context.Context, x exchange, _ values) error {
	give, err := s.sweeping.take(ctx)
	if err != nil {
		return err
	}
	defer give()
	all, _ := s.sweeps(ctx, sweepAge)
	return answerJSON(x, "", all)
}

// sweeps returns the sweeps of all sources and where each is from. A source that cannot be
// read is one that says so. What was found less than an age ago is what there is, so that
// many pages cost one look.
func (s *Server) sweeps(ctx context.Context, age time.Duration) ([]Sweep, []Sweeps) {
	l := &s.sweepList
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.at.IsZero() && time.Since(l.at) < age {
		return l.all, l.from
	}
	all, from := []Sweep{}, []Sweeps(nil)
	for _, source := range s.sources() {
		found, err := source.Sweeps(ctx)
		if err != nil {
			found = []Sweep{{ID: "not to be read", Error: oneLine(err.Error())}}
		}
		all = append(all, found...)
		for range found {
			from = append(from, source)
		}
	}
	if ctx.Err() == nil { // else it may be the client that has left
		l.all, l.from, l.at = all, from, time.Now()
	}
	return all, from
}

// showSweep answers with the trials of a sweep, and which of them are within the brushes.
func (s *Server) showSweep(ctx context.Context, x exchange, v values) error {
	give, err := s.sweeping.take(ctx)
	if err != nil {
		return err
	}
	defer give()
	all, from := s.sweeps(ctx, 0)
	i := slices.IndexFunc(all, func(w Sweep) bool { return w.ID == v["sweep"] })
	if i < 0 {
		return refuse(statusNotFound, "there is no sweep %.80q: /api/sweeps lists them",
			v["sweep"])
	}
	if why := all[i].Error; why != "" {
		return refuse(statusUnusable, "%s", why)
	}
	trials, err := from[i].Trials(ctx, all[i].ID, maxTrials)
	if err != nil {
		return unreadable(err)
	}
	page, err := newSweepPage(all[i], trials, v)
	if err != nil {
		return err
	}
	return answerJSON(x, "", page)
}
