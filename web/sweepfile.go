package web

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"icar/internal/budget"
	"icar/internal/visible"
	"icar/run"
	"icar/setting"
	"icar/train"
)

// What is read of files with results of icar sweep.
const (
	maxSweepFiles = 20
	maxSweepBytes = 8 << 20 // of one of them
)

// sweepFiles are the results of icar sweep in files below the folder of runs, .csv or
// .jsonl as icar sweep results prints them. A file is read again when it has changed.
type sweepFiles struct {
	root      root
	catalogue *train.Catalogue

	mu    sync.Mutex
	known map[string]sweepFile // by path
}

// sweepFile is a file as it was read.
type sweepFile struct {
	size     int64
	modified time.Time
	trials   []Trial
	err      error
}

// errOther is the error about a file that holds something else.
var errOther = errors.New("it holds no results of icar sweep")

func (s *sweepFiles) Sweeps(context.Context) (all []Sweep, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	folder, err := s.root.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	seen := map[string]sweepFile{}
	fsys := budget.Root(folder)
	err = fs.WalkDir(fsys, ".", func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be read is no sweep
		}
		if entry.IsDir() {
			if _, err := run.Made(fsys, p); err == nil {
				return fs.SkipDir
			}
			return nil
		}
		if read := readers[path.Ext(p)]; read != nil && visible.Text(p) == p &&
			len(seen) < maxSweepFiles {
			seen[p] = s.read(fsys, p, entry, read)
		}
		return nil
	})
	s.known = seen
	for p, f := range seen {
		if errors.Is(f.err, errOther) {
			continue
		}
		w := Sweep{ID: p, From: "a file", Trials: int64(len(f.trials)), Done: int64(len(f.trials))}
		if f.err != nil {
			w.Error = fmt.Sprintf("%s: %s", p, oneLine(f.err.Error()))
		}
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b Sweep) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) })
	return all, err
}

// read reads a file, unless it is as it was.
func (s *sweepFiles) read(fsys fs.FS, p string, entry fs.DirEntry,
	read func([]byte, *train.Catalogue) ([]Trial, error)) sweepFile {
	info, err := entry.Info()
	if err != nil || !info.Mode().IsRegular() {
		return sweepFile{err: errOther}
	}
	f, found := s.known[p]
	if found && f.size == info.Size() && f.modified.Equal(info.ModTime()) {
		return f
	}
	f = sweepFile{size: info.Size(), modified: info.ModTime()}
	data, err := budget.ReadIn(fsys, p, maxSweepBytes)
	if err != nil {
		f.err = err
		return f
	}
	f.trials, f.err = read(data, s.catalogue)
	return f
}

func (s *sweepFiles) Trials(_ context.Context, id string, most int) ([]Trial, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, found := s.known[id]
	if !found {
		return nil, fmt.Errorf("there is no sweep %.80q: %w", id, fs.ErrNotExist)
	}
	return f.trials[:min(most, len(f.trials))], f.err
}

// trialID is what a trial is called.
var trialID = regexp.MustCompile(`^[A-Za-z0-9._+-]{1,64}$`)

func checkID(id string) error {
	if !trialID.MatchString(id) {
		return fmt.Errorf("the id %.80q is no word of at most 64 letters and digits", id)
	}
	return nil
}

// readers read the formats of icar sweep results.
var readers = map[string]func([]byte, *train.Catalogue) ([]Trial, error){
	".jsonl": readTrialLines, ".csv": readTrialTable,
}

// readTrialLines reads a trial a line of JSON.
func readTrialLines(file []byte, catalogue *train.Catalogue) (all []Trial, err error) {
	for line := range bytes.Lines(file) {
		var read struct {
			Trial  string          `json:"trial"`
			Config json.RawMessage `json:"config"`
			Result *struct {
				Steps   int     `json:"steps"`
				Loss    float64 `json:"loss"`
				TestMSE float64 `json:"test_mse"`
			} `json:"result"`
		}
		err := budget.Unmarshal(line, &read, budget.Record())
		if err == nil && (read.Trial == "" || read.Config == nil || read.Result == nil) {
			err = errOther
		}
		if err != nil && len(all) == 0 {
			return nil, errOther
		}
		t := Trial{ID: read.Trial, State: done, Config: catalogue.Config()}
		if err == nil {
			err = checkID(t.ID)
		}
		if err == nil {
			t.Steps, t.Loss, t.TestMSE = read.Result.Steps, read.Result.Loss, read.Result.TestMSE
			err = json.Unmarshal(read.Config, &t.Config)
		}
		if err == nil {
			t.Config, err = t.Config.Resolve()
		}
		if err != nil {
			return all, fmt.Errorf("trial %d: %w", len(all)+1, err)
		}
		if all = append(all, t); len(all) == maxTrials {
			break
		}
	}
	if len(all) == 0 {
		return nil, errOther
	}
	return all, nil
}

// readTrialTable reads a trial a line of CSV, under a line of titles: the trial, its
// settings, and what was found.
func readTrialTable(file []byte, catalogue *train.Catalogue) (all []Trial, err error) {
	r := csv.NewReader(bytes.NewReader(file))
	r.ReuseRecord = true
	titles, err := r.Read()
	if n := len(titles); err != nil || n < 4 || titles[0] != "trial" ||
		!slices.Equal(titles[n-3:], []string{"steps", "loss", "test_mse"}) {
		return nil, errOther
	}
	titles = slices.Clone(titles)
	var keys []string
	for _, k := range catalogue.Keys() {
		keys = append(keys, k.Name)
	}
	for _, title := range titles[1 : len(titles)-3] {
		if !slices.Contains(keys, title) {
			return nil, setting.Unknown("column", title, keys...)
		}
	}
	for len(all) < maxTrials {
		row, err := r.Read()
		if err == io.EOF {
			return all, nil
		}
		t := Trial{State: done, Config: catalogue.Config()}
		if err == nil {
			err = t.fill(titles, row)
		}
		if err != nil {
			return all, fmt.Errorf("trial %d: %w", len(all)+1, err)
		}
		all = append(all, t)
	}
	return all, nil
}

// fill reads a row under its titles.
func (t *Trial) fill(titles, row []string) (err error) {
	n := len(row)
	t.ID = row[0]
	var steps, loss, test error
	t.Steps, steps = strconv.Atoi(row[n-3])
	t.Loss, loss = strconv.ParseFloat(row[n-2], 64)
	t.TestMSE, test = strconv.ParseFloat(row[n-1], 64)
	if err := errors.Join(checkID(t.ID), steps, loss, test); err != nil {
		return err
	}
	var set []setting.Setting
	for i, value := range row[1 : n-3] {
		if value != "" { // of another law or other tokens
			set = append(set, setting.Setting{Key: titles[i+1], Value: value})
		}
	}
	if err := t.Config.Assign(set...); err != nil {
		return err
	}
	t.Config, err = t.Config.Resolve()
	return err
}
