package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	"icar/ar"
	"icar/internal/needs"
	"icar/nn/kernel"
)

// at is a task of so many seconds.
func at(seconds float64) span { return span{rest: seconds} }

// TestSimulateByHand deals work to processors whose end can be worked out.
func TestSimulateByHand(t *testing.T) {
	phase := func(before float64, tasks ...span) span {
		return span{steps: []stretch{{before: before, tasks: tasks}}, rest: 1}
	}
	// A task of 2 alone, a job of six parts of 1, and 3 alone.
	cut := span{steps: []stretch{{before: 2, tasks: []span{at(1), at(1), at(1), at(1), at(1), at(1)}}},
		rest: 3}
	for _, c := range []struct {
		name           string
		work           span
		processors     int
		handOver, wake float64
		want           float64
	}{
		{"one does all", phase(5, at(2), at(3), at(4)), 1, 9, 9, 15},
		{"tasks side by side", phase(5, at(2), at(3), at(4)), 3, 0, 0, 10},
		{"the third task for who is free first", phase(5, at(2), at(3), at(4)), 2, 0, 0, 12},
		{"a hand-over before and one after", phase(5, at(4), at(4)), 2, 0.5, 0, 11},
		{"the other sleeps until the first is done", phase(5, at(1), at(1)), 2, 0, 100, 8},
		{"parts on one", phase(0, cut), 1, 0, 0, 12},
		{"parts on two", phase(0, cut), 2, 0, 0, 9},
		{"parts on three", phase(0, cut), 3, 0, 0, 8},
		{"no part for who has a task", phase(0, cut, at(11)), 2, 0, 0, 12},
		{"parts once the own task is done", phase(0, cut, at(1)), 2, 0, 0, 9},
	} {
		if got := simulate(&c.work, c.processors, c.handOver, c.wake); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// lasting gives all pieces of s times, between 1 and 3 µs.
func (s *span) lasting(chance *rand.Rand) {
	s.rest = 1e-6 * (1 + 2*chance.Float64())
	for i := range s.steps {
		s.steps[i].before = 1e-6 * (1 + 2*chance.Float64())
		for k := range s.steps[i].tasks {
			s.steps[i].tasks[k].lasting(chance)
		}
	}
}

// TestPlanIsOfTheStep plans small batches: a plan has a task for every strand, parts
// where there are loops to cut, and the operations of the formula. Whatever time its pieces
// take, no processor works more than its time.
func TestPlanIsOfTheStep(t *testing.T) {
	for name, s := range smalls() {
		m := newModel[float32](t, s.config, 1)
		b := randomBatch[float32](s.config, s.n, 1)
		p, err := NewPlan(t.Context(), m, kernel.Available()[0], b, 2)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(p.cut.steps[1].tasks); got != blockCount(s.n) {
			t.Errorf("%s: %d tasks in the second phase, of %d blocks", name, got, blockCount(s.n))
		}
		if p.Parts < 8 || p.Phases < 5 || p.Serial <= 0 {
			t.Errorf("%s: %+v", name, p)
		}
		most := s.config.Flops(blockCount(s.n)*kernel.Lanes, s.config.Length) * 64 / 36
		if p.Flops > most || p.Flops < most*36/64 {
			t.Errorf("%s: %v operations, the formula has %v", name, p.Flops, most*36/64)
		}
		// From here on with times that do not depend on who else is at work here.
		p.cut.lasting(ar.Rand(1, name, 0))
		p.whole, p.HandOver, p.Wake = p.cut, 1e-6, 5e-6
		before, serial := *p, p.cut.rest
		for _, step := range p.cut.steps {
			serial += step.before
		}
		if p.sum(); p.Longest > p.Work || p.Longest < p.Serial || p.Serial != serial ||
			p.Phases != before.Phases || p.Tasks != before.Tasks || p.Parts != before.Parts {
			t.Errorf("%s: %+v, of %+v", name, p, before)
		}
		last := p.Work
		for _, processors := range []int{1, 2, 4, 16} {
			r := p.Predict(processors)
			// Who is free takes what comes next, and that is not always the best order: more
			// processors, or some that wake late, may change it for the better or the worse.
			if r.Efficiency > 1+1e-9 || r.Asleep < r.Seconds*0.8 ||
				r.Seconds < p.Longest*(1-1e-9) || r.Seconds > last*1.2 {
				t.Errorf("%s: %+v after %v, of %+v", name, r, last, p)
			}
			last = r.Seconds
		}
	}
}

// TestPlanReachesManyCores holds the aims of the cut: a batch of the paper's on 16
// processors, and a block for every four of them. It is of times, so it runs when asked.
func TestPlanReachesManyCores(t *testing.T) {
	needs.Time(t, "it is of times, and of a machine without other work")
	wide := smalls()["softmax"].config
	wide.Length, wide.MLP, wide.Heads = 50, 4, 4
	for _, c := range []struct {
		name   string
		config Config
		n      int
		least  float64
	}{
		{"fig5-L1", standard()["fig5-L1"], 1024, 0.5},
		{"fig7-H64", standard()["fig7-H64"], 1024, 0.75},
		{"wide", wide, 64, 0.5},
	} {
		m := newModel[float32](t, c.config, 1)
		b := randomBatch[float32](c.config, c.n, 1)
		p, err := NewPlan(t.Context(), m, kernel.Available()[0], b, 3)
		if err != nil {
			t.Fatal(err)
		}
		// What it costs to hand over depends on who else is at work here: the cut is
		// what is held.
		p.HandOver, p.Wake = 2e-6, 0
		if r := p.Predict(16); r.Efficiency < c.least {
			t.Errorf("%s: an efficiency of %.2f on 16 processors, want %v of %+v", c.name,
				r.Efficiency, c.least, p)
		}
	}
}
