package web

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"icar/internal/budget"
	"icar/internal/visible"
	"icar/run"
	"icar/train"
)

// maxRead is how many bytes of metrics are read for one look at the runs, some
// tenths of a second; what is left is read for the next ones.
const maxRead = 16 << 20

// shelf holds what was seen of the runs below a folder, and looks again when
// somebody asks and a while has passed. One goroutine looks, for all who ask;
// it holds no lock while it reads, so that a disk that hangs makes the list old
// and nobody wait. Nothing outside the folder is read: os.Root follows no link
// out.
type shelf struct {
	root      root
	catalogue *train.Catalogue

	mu      sync.Mutex
	at      time.Time // of the last look
	runs    []shelfRun
	err     error
	looking chan struct{} // closed when the look that goes on ends; nil for none

	watches map[string]*watched // by path; of the goroutine that looks
}

// watched is a run and its configuration, which is decoded once.
type watched struct {
	run.Watch
	raw    string
	config train.Config
	set    []string
	err    error
}

// shelfRun is a run as it was seen. Nobody changes one.
type shelfRun struct {
	path string
	run.Progress
	config train.Config // resolved
	set    []string     // KEY=VALUE of its settings that are not the defaults
	born   time.Time    // when it was begun
	number int          // how many are older
	err    error        // why it is damaged
}

// list returns all runs, by path. When a look takes too long the runs are those
// of the look before, and the error is a refusal if there was none.
func (s *shelf) list(ctx context.Context) ([]shelfRun, error) {
	s.mu.Lock()
	if !s.at.IsZero() && time.Since(s.at) < freshness {
		defer s.mu.Unlock()
		return s.runs, s.err
	}
	if s.looking == nil {
		s.looking = make(chan struct{})
		go s.look()
	}
	looking := s.looking
	s.mu.Unlock()
	patience := time.NewTimer(maxLook)
	defer patience.Stop()
	select {
	case <-looking:
	case <-patience.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() {
		return nil, refuse(statusBusy,
			"the folder of runs is still being read: try again in a second")
	}
	return s.runs, s.err
}

// maxLook is how long a request waits for a look at the runs.
const maxLook = time.Second

// look reads the runs and puts them on the shelf.
func (s *shelf) look() {
	runs, err := s.read()
	rank(runs)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs, s.err, s.at = runs, err, time.Now()
	close(s.looking)
	s.looking = nil
}

func (s *shelf) read() (runs []shelfRun, err error) {
	folder, err := s.root.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // icar train will make it
	}
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	seen, left := map[string]*watched{}, int64(maxRead)
	err = fs.WalkDir(folder.FS(), ".", func(p string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil // what cannot be read is no run
		}
		if len(runs) == maxRuns {
			return fs.SkipAll
		}
		born, err := run.Made(folder.FS(), p)
		if err != nil {
			return nil
		}
		w := s.watches[p]
		if w == nil {
			w = new(watched)
		}
		seen[p] = w
		r, read := w.lookIn(folder, p, s.catalogue, left)
		left -= read
		r.born = born
		if shown := visible.Text(p); shown != p {
			// The page shows every word in plain letters and asks by what it shows.
			r.path, r.err = shown, errors.New("its name cannot be shown as it is: rename the folder")
		}
		runs = append(runs, r)
		return fs.SkipDir
	})
	s.watches = seen
	return runs, err
}

// lookIn looks at the run in a folder below an os.Root.
func (w *watched) lookIn(folder *os.Root, p string, catalogue *train.Catalogue,
	limit int64) (r shelfRun, read int64) {
	r.path = p
	dir, err := folder.OpenRoot(p)
	if err != nil {
		r.err = err
		return r, 0
	}
	defer dir.Close()
	if r.Progress, read, r.err = w.Look(budget.Root(dir), limit); r.err != nil {
		return r, read
	}
	if raw := string(r.Config); w.raw == "" || raw != w.raw {
		w.raw = raw
		w.config, w.err = catalogue.Read(r.Config)
		w.set = nil
		if w.err == nil {
			for _, k := range w.config.Changed() {
				w.set = append(w.set, k.String())
			}
		}
	}
	r.config, r.err = w.config, w.err
	r.set = w.set
	if r.err != nil {
		r.err = refuse(statusUnusable, "%s: %s: %v", p, run.ConfigFile, r.err)
	}
	return r, read
}

// rank counts for each run those that are older.
func rank(runs []shelfRun) {
	order := make([]int, len(runs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return runs[i].born.Compare(runs[j].born) })
	for older, i := range order {
		runs[i].number = older
	}
}

// find returns one of the runs that list.
func (s *shelf) find(ctx context.Context, p string) (shelfRun, error) {
	runs, err := s.list(ctx)
	if err != nil {
		return shelfRun{}, err
	}
	i := slices.IndexFunc(runs, func(r shelfRun) bool { return r.path == p })
	if i < 0 {
		return shelfRun{}, refuse(statusNotFound,
			"there is no run %.80q below the folder of runs", p)
	}
	if err := runs[i].err; err != nil {
		return shelfRun{}, refuse(statusUnusable, "the run is damaged: %v", err)
	}
	return runs[i], nil
}
