package run

import (
	"errors"
	"io/fs"
)

// Pace is how long the steps of a run take, as timings.jsonl has it.
type Pace struct {
	Seconds float64 // of all steps on record
	// PerStep is the mean of the last steps, evaluations included, in seconds; 0 if none
	// is on record.
	PerStep float64
}

// Left returns how many seconds so many steps will take at this pace, 0 if it is not
// known.
func (p Pace) Left(steps int) float64 { return p.PerStep * float64(max(0, steps)) }

// recent is how many steps the pace is the mean of: long enough to hold several
// evaluations, short enough to follow a machine that has got other work.
const recent = 256

// pace reads a file of times.
type pace struct {
	grown
	seconds float64
	last    [recent]float64 // a ring; of step k at (k - 1) mod recent
}

func (p *pace) follow(fsys fs.FS, limit int64) (read int64, err error) {
	begin := func() { *p = pace{grown: p.grown} }
	read, err = p.grown.follow(fsys, timingsFile, limit, begin, func(line []byte) error {
		t, err := decodeLine[Timing](line)
		if err == nil {
			p.seconds += t.Seconds
			p.last[p.lines%recent] = t.Seconds
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) { // runs of before times were kept
		return read, nil
	}
	return read, err
}

func (p *pace) pace() Pace {
	n := min(p.lines, recent)
	if n == 0 {
		return Pace{}
	}
	sum := 0.0
	for _, s := range p.last[:n] {
		sum += s
	}
	return Pace{Seconds: p.seconds, PerStep: sum / float64(n)}
}
