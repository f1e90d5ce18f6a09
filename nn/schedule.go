package nn

import "container/heap"

// simulate returns when the work of a span is done by so many processors that take tasks
// and parts as a crew does. To take up what another offers costs handOver seconds, and
// processor i is awake after i times wake.
func simulate(all *span, processors int, handOver, wake float64) float64 {
	s := &simulation{handOver: handOver, wake: wake}
	for i := range processors {
		s.workers = append(s.workers, &worker{})
		if i > 0 {
			s.at(handOver+float64(i)*wake, s.workers[i])
		}
	}
	s.workers[0].stack = []frame{{span: all}}
	s.at(all.segment(0), s.workers[0])
	for !s.over {
		e := heap.Pop(&s.events).(event)
		s.now = e.time
		s.proceed(e.worker)
	}
	return s.now
}

// segment returns the seconds before job i, or those after the last.
func (s *span) segment(i int) float64 {
	if i < len(s.steps) {
		return s.steps[i].before
	}
	return s.rest
}

// simulation is the time, who is at what, and what is on offer.
type simulation struct {
	handOver, wake float64

	now     float64
	over    bool
	count   int // of events so far
	events  events
	workers []*worker
	idle    []*worker
	phase   *offer // of the first worker
}

// worker is a processor with what it is at: a task, and within it its own job.
type worker struct {
	stack   []frame
	shared  *offer // parts of its task
	waiting *offer // for others to be done with it
}

// frame is a span being worked on.
type frame struct {
	span *span
	next int    // job
	of   *offer // that the span is a task of
}

// offer is a job.
type offer struct {
	owner      *worker
	tasks      []span
	next, done int
}

func (o *offer) left() bool { return o != nil && o.next < len(o.tasks) }

// more returns whether o has more tasks left than other.
func (o *offer) more(other *offer) bool {
	return len(o.tasks)-o.next > len(other.tasks)-other.next
}

// event is when a worker ends a segment, or looks for work.
type event struct {
	time   float64
	order  int // of events at one time
	worker *worker
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].time < e[j].time || e[i].time == e[j].time && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}

// at has a worker proceed so many seconds from now.
func (s *simulation) at(seconds float64, w *worker) {
	heap.Push(&s.events, event{s.now + seconds, s.count, w})
	s.count++
}

// proceed is a worker at the end of a segment.
func (s *simulation) proceed(w *worker) {
	if len(w.stack) == 0 {
		s.look(w, 0)
		return
	}
	f := &w.stack[len(w.stack)-1]
	if f.next < len(f.span.steps) {
		s.open(w, f)
		return
	}
	of := f.of
	w.stack = w.stack[:len(w.stack)-1]
	if of == nil {
		s.over = true
		return
	}
	of.done++
	switch {
	case of.left():
		s.take(w, of, 0)
	case of.owner == w:
		s.await(w, of)
	default:
		if of.owner.waiting == of && of.done == len(of.tasks) {
			of.owner.waiting = nil
			s.close(of.owner, s.handOver)
		}
		s.look(w, s.handOver)
	}
}

// open offers the job that f has come to, or does a task's own on the spot if nobody has
// time.
func (s *simulation) open(w *worker, f *frame) {
	step := f.span.steps[f.next]
	tasks := step.tasks
	inner := f.of != nil
	if inner && !s.helped() {
		seconds := 0.0
		for i := range tasks {
			seconds += tasks[i].seconds()
		}
		f.next++
		s.at(seconds+f.span.segment(f.next), w)
		return
	}
	o := &offer{owner: w, tasks: tasks}
	if inner {
		w.shared = o
	} else {
		s.phase = o
	}
	s.take(w, o, 0)
	idle := s.idle
	s.idle = nil
	for i, other := range idle {
		delay := s.handOver
		if step.asleep {
			delay += float64(i) * s.wake
		}
		s.look(other, delay)
	}
}

// helped returns whether some worker is without a task, and none is left for it.
func (s *simulation) helped() bool {
	if s.phase.left() {
		return false
	}
	for _, w := range s.workers {
		if len(w.stack) == 0 || w.stack[0].of != nil && w.stack[0].of != s.phase {
			return true
		}
	}
	return false
}

// take has a worker begin the next task of a job.
func (s *simulation) take(w *worker, o *offer, delay float64) {
	task := &o.tasks[o.next]
	o.next++
	w.stack = append(w.stack, frame{span: task, of: o})
	s.at(delay+task.segment(0), w)
}

// await is the owner of a job without tasks left.
func (s *simulation) await(w *worker, o *offer) {
	if o.done < len(o.tasks) {
		w.waiting = o
		return
	}
	s.close(w, 0)
}

// close has a worker go on whose job is done.
func (s *simulation) close(w *worker, delay float64) {
	w.shared = nil
	f := &w.stack[len(w.stack)-1]
	f.next++
	s.at(delay+f.span.segment(f.next), w)
}

// look has a worker take up what is on offer, after a delay, or be idle.
func (s *simulation) look(w *worker, delay float64) {
	if s.phase.left() {
		s.take(w, s.phase, delay)
		return
	}
	var most *offer
	for _, other := range s.workers {
		if o := other.shared; o.left() && (most == nil || o.more(most)) {
			most = o
		}
	}
	if most != nil {
		s.take(w, most, delay)
		return
	}
	s.idle = append(s.idle, w)
}
