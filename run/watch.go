package run

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"icar/internal/budget"
)

// Watch looks at one run again and again, as a page does that shows how far it
// has come. A look at files that are as they were costs their sizes and times
// of modification, and one at metrics.jsonl that has grown costs what is new;
// what is kept of it does not grow with its length. The zero Watch has not
// looked yet. One goroutine may look at a time.
type Watch struct {
	stamps  [4]stamp // of config.yaml, run.json, DONE and label.json
	saved   Saved
	label   Label
	known   bool // saved and label are what the files held at those stamps
	metrics follower
	times   pace
}

// Progress is what a Watch has seen of a run.
type Progress struct {
	State    State
	Info     Info
	Label    Label
	Diverged string // why, see Info.Diverged; "" if it has not
	Config   []byte
	Pace
	Written    time.Time   // when metrics.jsonl was
	Step       int         // lines of metrics.jsonl
	Loss       float64     // of the last of them
	Evaluation *Evaluation // the last one; nil if there was none
	Best       *Metric     // that of the least error; nil if there was none
	// Curve are metrics of evenly spaced steps, the last among them, at most
	// some thousand; Evaluations the same of those with one, whose errors by
	// position are left out.
	Curve, Evaluations []Metric
	// Behind says that metrics.jsonl goes on after what was read so far.
	Behind bool
}

// stamp tells a file that was changed from one that was not.
type stamp struct {
	size     int64 // -1 for none
	modified time.Time
}

func stampOf(fsys fs.FS, name string) (stamp, error) {
	info, err := fs.Stat(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return stamp{size: -1}, nil
	}
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.Size(), info.ModTime()}, nil
}

// Look reads what has changed since the last look, of metrics.jsonl at most
// about limit bytes, and returns how many it read. The directory is the root of
// fsys. The error is that of [ReadFS], without the path.
func (w *Watch) Look(fsys fs.FS, limit int64) (p Progress, read int64, err error) {
	var now [4]stamp
	for i, name := range []string{ConfigFile, infoFile, doneFile, labelFile} {
		if now[i], err = stampOf(fsys, name); err != nil {
			return p, 0, err
		}
	}
	if !w.known || now != w.stamps {
		w.known = false
		if w.saved, err = readRun(fsys); err != nil {
			return p, 0, err
		}
		if w.label, err = readLabel(fsys); err != nil {
			return p, 0, err
		}
		w.stamps, w.known = now, true
	}
	if read, err = w.metrics.follow(fsys, limit); err != nil {
		return p, read, fmt.Errorf("%s: %w", metricsFile, err)
	}
	timed, err := w.times.follow(fsys, limit)
	if read += timed; err != nil {
		return p, read, fmt.Errorf("%s: %w", timingsFile, err)
	}
	p = w.metrics.progress()
	p.Pace, p.Label, p.Info = w.times.pace(), w.label, w.saved.Info
	p.Config, p.State = w.saved.Config, Stopped
	if p.Diverged = w.saved.Info.Diverged; p.Diverged != "" {
		p.State = Diverged
	}
	if w.saved.Done {
		p.State = Complete
		return p, read, nil
	}
	busy, err := running(fsys)
	if busy {
		p.State = Running
	}
	return p, read, err
}

// grown is a file of lines that is read from where reading stopped.
type grown struct {
	file    fs.FileInfo // as it was; nil before the first look
	offset  int64       // bytes read, whole lines
	tail    []byte      // the last of them, by which a file that was rewritten is known
	lines   int
	reached bool  // the file's end
	err     error // what is wrong with the file as it is
}

// maxTail is how many bytes are compared, and maxPositions how long the errors
// by position may be that are kept.
const (
	maxTail      = 128
	maxPositions = 1 << 14
)

// follow reads about limit bytes at most and hands on each line. It calls begin
// before it reads from the start, also a file that is another one than it was.
func (f *grown) follow(fsys fs.FS, name string, limit int64, begin func(),
	add func(line []byte) error) (read int64, err error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return 0, err
	}
	if f.file != nil && (f.reached || f.err != nil) && os.SameFile(f.file, info) &&
		info.Size() == f.file.Size() && info.ModTime().Equal(f.file.ModTime()) {
		return 0, f.err
	}
	file, err := budget.OpenIn(fsys, name)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	from, ok := file.(io.ReaderAt)
	if !ok {
		return 0, errors.New("it cannot be read from the middle")
	}
	if f.err != nil || f.file != nil && !(os.SameFile(f.file, info) && f.continues(from)) {
		*f = grown{}
		begin()
	}
	limit = max(limit, 2*maxLine) // else a line that is too long would be waited for
	section := io.NewSectionReader(from, f.offset, limit)
	f.file, f.reached = info, f.offset+limit >= info.Size()
	err = eachLine(section, f.lines+1, func(line []byte) error {
		if err := add(line); err != nil {
			return err
		}
		f.lines++
		read += int64(len(line)) + 1
		f.tail = append(f.tail[:0], line[max(0, len(line)-maxTail):]...)
		return nil
	})
	f.offset += read
	f.err = err
	return read, err
}

// continues reports whether what was read of a file is still there.
func (f *grown) continues(r io.ReaderAt) bool {
	found := make([]byte, len(f.tail))
	_, err := r.ReadAt(found, f.offset-int64(len(found))-1)
	return len(found) == 0 || err == nil && bytes.Equal(found, f.tail)
}

// follower reads a file of metrics.
type follower struct {
	grown
	last  Metric
	eval  *Evaluation
	best  *Metric
	curve thinned
	tests thinned
}

func (f *follower) follow(fsys fs.FS, limit int64) (read int64, err error) {
	begin := func() { *f = follower{grown: f.grown} }
	return f.grown.follow(fsys, metricsFile, limit, begin, func(line []byte) error {
		m, err := decodeLine[Metric](line)
		if err == nil {
			f.add(m)
		}
		return err
	})
}

func (f *follower) add(m Metric) {
	point := m
	if point.Evaluation != nil {
		f.eval = m.Evaluation
		if len(m.PositionMSE) > maxPositions {
			f.eval = &Evaluation{TestMSE: m.TestMSE}
		}
		point.Evaluation = &Evaluation{TestMSE: m.TestMSE}
		f.tests.add(point)
		if f.best == nil || point.TestMSE < f.best.TestMSE {
			best := point
			f.best = &best
		}
	}
	f.curve.add(point)
	f.last = point
}

func (f *follower) progress() Progress {
	return Progress{
		Written: f.file.ModTime(), Best: f.best,
		Step: f.lines, Loss: f.last.Loss, Evaluation: f.eval, Behind: !f.reached,
		Curve: f.curve.points(), Evaluations: f.tests.points(),
	}
}

// maxPoints is how many points are kept of a curve, up to twice as many while
// it grows.
const maxPoints = 400

// thinned keeps every n-th of the points that are added; n doubles whenever
// they are too many.
type thinned struct {
	kept         []Metric
	every, count int
	last         Metric
}

func (t *thinned) add(m Metric) {
	t.every, t.last = max(1, t.every), m
	if t.count%t.every == 0 {
		t.kept = append(t.kept, m)
	}
	t.count++
	if len(t.kept) < 2*maxPoints {
		return
	}
	half := t.kept[:0]
	for i := 0; i < len(t.kept); i += 2 {
		half = append(half, t.kept[i])
	}
	t.kept, t.every = half, 2*t.every
}

// points returns a copy of what was kept, and the last point.
func (t *thinned) points() []Metric {
	all := append([]Metric(nil), t.kept...)
	if t.count > 0 && (t.count-1)%t.every != 0 {
		all = append(all, t.last)
	}
	return all
}
