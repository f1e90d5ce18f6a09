package nn

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"icar/nn/kernel"
)

// Plan is how a step, the gradient of a batch and Adam, is cut into tasks and parts, and
// what that says of other numbers of processors. It is of the step as it is made: an
// Engine makes it on one processor, and notes what could be done side by side.
type Plan struct {
	Phases int     `json:"phases"` // of tasks side by side, one after the other
	Tasks  int     `json:"tasks"`  // of all phases
	Parts  int     `json:"parts"`  // of tasks, where there are more processors than tasks
	Flops  float64 `json:"flops"`  // that the loops of the kernel were asked for

	Work   float64 `json:"work_seconds"`   // the whole step on one processor
	Serial float64 `json:"serial_seconds"` // what is in no task
	// Longest is the longest path: with any number of processors, and no time to give
	// them work.
	Longest float64 `json:"longest_seconds"`

	// What it takes to give another processor something to do, in seconds: HandOver to
	// one that looks for it, Wake to one that has to be woken first.
	HandOver float64 `json:"hand_over_seconds"`
	Wake     float64 `json:"wake_seconds"`

	whole, cut span
}

// span is something that one processor does: pieces of work with jobs between them, of
// tasks that others may take.
type span struct {
	steps []stretch
	rest  float64 // seconds after the last
}

// stretch is a piece of work and the job that follows.
type stretch struct {
	before float64 // seconds
	tasks  []span
	asleep bool // whether others have to be woken for it
}

// seconds returns those of all work.
func (s span) seconds() float64 {
	sum := s.rest
	for _, step := range s.steps {
		sum += step.before
		for _, task := range step.tasks {
			sum += task.seconds()
		}
	}
	return sum
}

// least keeps the lesser time of every piece of s and other, which are the same work.
func (s *span) least(other span) {
	s.rest = min(s.rest, other.rest)
	for i := range s.steps {
		mine, theirs := &s.steps[i], other.steps[i]
		mine.before = min(mine.before, theirs.before)
		for k := range mine.tasks {
			mine.tasks[k].least(theirs.tasks[k])
		}
	}
}

// record takes down what a crew does, which then is one goroutine.
type record struct {
	at    *span
	since time.Time
	cuts  bool // whether tasks are cut into parts
}

// lap returns the seconds since the last piece of work ended.
func (r *record) lap() float64 {
	now := time.Now()
	took := now.Sub(r.since).Seconds()
	r.since = now
	return took
}

// job does and notes the n tasks of a job.
func (r *record) job(m *member, n int, do func(m *member, task int)) {
	step := stretch{before: r.lap(), tasks: make([]span, n)}
	outer := r.at
	r.since = time.Now()
	for task := range n {
		r.at = &step.tasks[task]
		do(m, task)
		r.at.rest = r.lap()
	}
	r.at = outer
	r.at.steps = append(r.at.steps, step)
	r.since = time.Now()
}

// NewPlan makes a step of model on b so many times on the loops of k, whole and cut, and
// keeps the least time of every piece. The model learns meanwhile. The error is the
// Engine's.
func NewPlan(ctx context.Context, model *Transformer[float32], k kernel.Kernel,
	b Batch[float32], times int) (*Plan, error) {
	if times < 1 {
		return nil, errors.New("a plan takes a step or more")
	}
	p := &Plan{}
	p.HandOver, p.Wake = handOver(k)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var flops, entries atomic.Int64
	e, err := NewEngine(model, counter{k, &flops, &entries})
	if err != nil {
		return nil, err
	}
	adam := newAdam(model.parameters)
	for i := range times + 1 { // the first is not counted
		for _, cuts := range []bool{false, true} {
			flops.Store(0)
			s, err := recorded(ctx, e, adam, b, i+1, cuts)
			if err != nil {
				return nil, err
			}
			kept := &p.whole
			if cuts {
				kept = &p.cut
			}
			if i <= 1 {
				*kept = s
			} else {
				kept.least(s)
			}
		}
	}
	p.Flops = kernel.Lanes * float64(flops.Load())
	p.sum()
	return p, nil
}

// sum says what comes of the times of all pieces.
func (p *Plan) sum() {
	p.Work = min(p.whole.seconds(), p.cut.seconds())
	p.Serial = p.cut.rest
	p.Phases, p.Tasks, p.Parts = len(p.cut.steps), 0, 0
	for _, step := range p.cut.steps {
		p.Serial += step.before
		p.Tasks += len(step.tasks)
		for _, task := range step.tasks {
			for _, job := range task.steps {
				p.Parts += len(job.tasks)
			}
		}
	}
	p.Longest = p.longest()
}

// recorded makes a step and returns what was done.
func recorded(ctx context.Context, e *Engine, adam *Adam[float32], b Batch[float32], t int,
	cuts bool) (span, error) {
	var all span
	r := &record{at: &all, since: time.Now(), cuts: cuts}
	e.crew.record = r
	if _, err := e.Gradient(ctx, b); err != nil {
		return all, err
	}
	step, portions := adam.piece(t, 1e-3), portions(adam.parameters)
	r.job(nil, len(portions), func(_ *member, task int) {
		step(portions[task].i, portions[task].from, portions[task].to)
	})
	all.rest = r.lap()
	all.steps[len(all.steps)-1].asleep = true // an optimiser has no crew
	return all, nil
}

// handOver returns the least of many times in seconds that it takes to have a member of
// a crew do something and hear that it is done, and to call a crew until it is awake.
func handOver(k kernel.Kernel) (over, wake float64) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	const times = 200
	over, wake = 1, 1
	c := newCrew()
	for range times {
		start := time.Now()
		c.enlist(2, k)
		for c.idle.Load() == 0 {
			pause(0)
		}
		wake = min(wake, time.Since(start).Seconds())
		var both atomic.Int32 // each task waits for the other: two members do them
		start = time.Now()
		c.run(2, func(*member, int) {
			both.Add(1)
			for both.Load() < 2 {
				pause(7)
			}
		})
		over = min(over, time.Since(start).Seconds())
		c.dismiss()
		c.disband()
	}
	return over, wake
}

// Prediction is what a step takes on so many processors, all as fast as the one that it
// was noted on, and with as much of the memory's bandwidth each.
type Prediction struct {
	Processors int     `json:"processors"`
	Seconds    float64 `json:"seconds_per_step"` // of steps that follow each other closely
	Efficiency float64 `json:"efficiency"`       // the share of the processors' time at work
	Asleep     float64 `json:"asleep_seconds"`   // where one after the other has to be woken
}

// Predict returns what the plan says of so many processors, which take tasks and parts
// as those of an Engine do.
func (p *Plan) Predict(processors int) Prediction {
	r := Prediction{processors, p.Work, 1, p.Work}
	if processors > 1 {
		r.Seconds = simulate(&p.cut, processors, p.HandOver, 0)
		r.Asleep = simulate(&p.cut, processors, p.HandOver, p.Wake)
		r.Efficiency = p.Work / (float64(processors) * r.Seconds)
	}
	return r
}

// longest returns what a step takes where there are processors without number, which
// take up work in no time.
func (p *Plan) longest() float64 {
	widest := 1
	for _, step := range p.cut.steps {
		width := 0
		for _, task := range step.tasks {
			most := 1
			for _, job := range task.steps {
				most = max(most, len(job.tasks))
			}
			width += most
		}
		widest = max(widest, width)
	}
	return simulate(&p.cut, widest, 0, 0)
}
