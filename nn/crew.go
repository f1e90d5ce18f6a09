package nn

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"icar/nn/kernel"
)

// crew is the processors at work on a call of an Engine: the goroutine that calls and
// others beside it. They take tasks of a phase as they come. Who has none left looks
// among the tasks that are being done for one that is cut into parts (see cut.go), and
// helps.
//
// A task and a part write what no other one does, in an order of operations that is
// their own, so that it is free who does them, and when.
//
// To wake a processor takes some 5 to 50 µs, one after the other, and a step of a small
// model has half a dozen phases in a millisecond or two. So who waits looks again and
// again, giving way to whoever else wants the processor, also from the end of a call to
// the next. Only when its patience ends it sleeps, or goes if there is no call.
type crew struct {
	members []*member
	calling atomic.Bool  // whether there is a call
	hurry   atomic.Bool  // whether all have to go now
	idle    atomic.Int32 // members without a task of a phase, who may help
	asleep  atomic.Int32 // members that have to be woken
	mutex   sync.Mutex   // of wake, and of who is there
	wake    *sync.Cond
	gone    sync.WaitGroup
	record  *record // of all that is done, one after the other, instead; see plan.go
}

// patience is how long who waits looks for work, and long some hundred µs of waiting for
// others to be done.
const (
	patience = 100 * time.Microsecond
	long     = 1 << 12
)

// member is one of a crew; the first is who called.
type member struct {
	crew   *crew
	phase  atomic.Pointer[job] // of the first member: the tasks of the phase
	there  bool                // whether a goroutine serves
	shared atomic.Pointer[job] // the parts of the task that it is at
	lanes  *lanes              // its workspace in this phase, if it has needed one
	aside  *lanes              // room for parts of others' tasks
	folder folder
}

// job is n tasks, each to be done once.
type job struct {
	n          int64
	phase      bool // whether it is a phase, and not parts of a task
	next, done atomic.Int64
	do         func(m *member, task int)
}

// left returns whether tasks are left to be taken.
func (j *job) left() bool { return j != nil && j.next.Load() < j.n }

// work takes tasks of the job until none is left.
func (j *job) work(m *member) {
	for j.left() {
		task := j.next.Add(1) - 1
		if task >= j.n {
			return
		}
		helper := j.phase && m != m.crew.members[0]
		if helper {
			m.crew.idle.Add(-1)
		}
		j.do(m, int(task))
		if helper {
			m.crew.idle.Add(1)
		}
		j.done.Add(1)
	}
}

func newCrew() *crew {
	c := &crew{}
	c.wake = sync.NewCond(&c.mutex)
	return c
}

// enlist begins a call on so many members, of which who calls is the first; they fold
// on k. It has to be dismissed.
func (c *crew) enlist(members int, k kernel.Kernel) {
	if members != len(c.members) {
		c.disband()
		c.members = nil
		for range members {
			c.members = append(c.members, &member{crew: c, folder: folder{Kernel: k}})
		}
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.calling.Store(true)
	if c.record != nil {
		return
	}
	for _, m := range c.members[1:] {
		if !m.there {
			m.there = true
			c.gone.Go(m.serve)
		}
	}
}

// dismiss ends a call.
func (c *crew) dismiss() {
	c.calling.Store(false)
	c.rouse()
}

// disband returns when all but the first are gone.
func (c *crew) disband() {
	c.hurry.Store(true)
	c.gone.Wait()
	c.hurry.Store(false)
}

// run is a phase: it does tasks 0 to n-1, and returns when all are done.
func (c *crew) run(n int, do func(m *member, task int)) {
	m := c.members[0]
	if c.record != nil {
		c.record.job(m, n, do)
		return
	}
	if len(c.members) == 1 || n == 1 {
		for task := range n {
			do(m, task)
		}
		return
	}
	m.offer(&m.phase, n, do)
}

// helped returns whether it is worth while to cut the task that m is at: others have
// none, and no task is left for them.
func (m *member) helped() bool {
	if m == nil {
		return false
	}
	c := m.crew
	return c.record != nil && c.record.cuts || c.idle.Load() > 0 && !c.members[0].phase.Load().left()
}

// share does the n parts of m's task with whoever is idle.
func (m *member) share(n int, do func(m *member, part int)) {
	if m.crew.record != nil {
		m.crew.record.job(m, n, do)
		return
	}
	m.offer(&m.shared, n, do)
}

// offer does a job in the open, and returns when all of it is done. Who waits for the
// tasks of others helps with them.
func (m *member) offer(open *atomic.Pointer[job], n int, do func(m *member, task int)) {
	c := m.crew
	j := &job{n: int64(n), phase: open == &m.phase, do: do}
	open.Store(j)
	c.rouse()
	j.work(m)
	if j.phase {
		c.idle.Add(1)
		defer c.idle.Add(-1)
	}
	for wait := 0; j.done.Load() < j.n; wait++ {
		if other := c.find(); j.phase && other != nil {
			other.work(m)
		} else {
			pause(wait)
			if wait > long { // whoever is at it has lost its processor to another program
				time.Sleep(patience / 2)
			}
		}
	}
	open.Store(nil)
}

// rouse wakes those who sleep, now that there is something to do. A sleeper counts
// itself first and then looks once more, so none misses it.
func (c *crew) rouse() {
	if c.asleep.Load() > 0 {
		c.mutex.Lock()
		c.wake.Broadcast()
		c.mutex.Unlock()
	}
}

// find returns a job with tasks left, nil if there is none: tasks come before parts of
// tasks, and those of which most are left before others.
func (c *crew) find() *job {
	if j := c.members[0].phase.Load(); j.left() {
		return j
	}
	var most *job
	var parts int64
	for _, other := range c.members {
		if j := other.shared.Load(); j.left() {
			if left := j.n - j.next.Load(); left > parts {
				most, parts = j, left
			}
		}
	}
	return most
}

// pause is between two looks: every eighth time it gives way to other goroutines, the
// engines of other runs among them.
func pause(wait int) {
	if wait%8 == 7 {
		runtime.Gosched()
	}
}

// serve is the life of a member other than the first.
func (m *member) serve() {
	c := m.crew
	c.idle.Add(1)
	defer c.idle.Add(-1)
	since := time.Now()
	for wait := 0; ; wait++ {
		if j := c.find(); j != nil {
			j.work(m)
			since = time.Now()
			continue
		}
		pause(wait)
		if wait%8 == 7 && (time.Since(since) > patience || c.hurry.Load()) {
			if m.leave() {
				return
			}
			since = time.Now()
		}
	}
}

// leave returns true if there is no call, and else, when there may be something to do,
// false.
func (m *member) leave() bool {
	c := m.crew
	c.asleep.Add(1)
	defer c.asleep.Add(-1)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.calling.Load() && c.find() == nil {
		c.wake.Wait()
	}
	m.there = c.calling.Load()
	return !m.there
}
