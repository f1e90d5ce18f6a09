package cuda

// Shapes: R runs, K steps, N batch, T time.

import (
	"context"
	"slices"
	"sync"
	"time"

	"icar/nn"
)

// hall is where runs of a kind meet to make their steps side by side: a course begins when
// all of them have asked for steps. Whoever lets the others wait for longer than a moment,
// to evaluate a model or to save it, is not waited for until it is back. As what comes of
// a run does not depend on the others, nor on how many steps a course has, this changes no
// bits.
type hall struct {
	kind
	halls *halls
	seats int // at most

	mu      sync.Mutex // for a moment only
	members []*member
	busy    bool        // a course is on
	stepped bool        // there was one that has made steps
	pace    int         // steps of a course that takes about as long as courseTime
	timer   *time.Timer // of who has asked first, nil if nobody waits
	err     error       // after which nothing is known of the runs

	turn    chan struct{} // of whoever uses the trainer, for as long as that takes
	trainer *Trainer      // nil before the first course
	seated  []*member     // by runs of the trainer, nil of those who left
}

const (
	// patience is how long those who have asked wait for the others.
	patience = 200 * time.Millisecond
	// courseTime is how long a course is to take, after which runs can be stopped.
	courseTime = 100 * time.Millisecond
	// longest is the most steps of a course.
	longest = 1024
	// most is the largest number of runs side by side.
	most = 64
	// memoryShare of the device's memory is for the runs of a hall.
	memoryShare = 1. / 4
)

func newHall(h *halls, k kind, m *nn.Transformer[float32]) *hall {
	bytes := newPlan(m, k.n, k.t, longest, busyWarps, true).bytes
	fit := int(memoryShare * float64(h.device.Properties().Memory) / float64(bytes))
	return &hall{kind: k, halls: h, seats: min(fit, most), pace: 1,
		turn: make(chan struct{}, 1)}
}

// hold waits until nobody else uses the trainer, and returns what lets others use it.
func (h *hall) hold() func() {
	h.turn <- struct{}{}
	return func() { <-h.turn }
}

// open is whether there is room for another member.
func (h *hall) open() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.members) < h.seats && h.err == nil
}

func (h *hall) enter(m *member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members = append(h.members, m)
}

// steppingWithout is whether runs make steps here of which none is of a model.
func (h *hall) steppingWithout(model *nn.Transformer[float32]) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stepped && !slices.ContainsFunc(h.members, func(m *member) bool {
		return m.model == model
	})
}

// exit is for who has nothing asked. The last leaves the hall empty.
func (h *hall) exit(m *member) (empty bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members = slices.DeleteFunc(h.members, func(o *member) bool { return o == m })
	h.meet()
	return len(h.members) == 0
}

// clear waits until nobody uses the model of who has left. Of an empty hall it gives all back
// to the device.
func (h *hall) clear(ctx context.Context, empty bool) (err error) {
	defer h.hold()()
	if empty && h.trainer != nil {
		err, h.trainer, h.seated = h.trainer.Close(ctx), nil, nil
	}
	return err
}

// present are the members, or the error after which nothing is known of the runs. Who leaves
// has gone when it has held the trainer: who holds it may use what present returns.
func (h *hall) present() ([]*member, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.members), h.err
}

// meet begins a course if nobody is waited for. Its caller holds mu.
func (h *hall) meet() {
	var asking []*member
	missing := 0
	for _, m := range h.members {
		switch {
		case m.asked != nil:
			asking = append(asking, m)
		case !m.away:
			missing++
		}
	}
	switch {
	case h.busy || len(asking) == 0:
	case missing == 0:
		h.begin(asking)
	case h.timer == nil:
		h.timer = time.AfterFunc(h.halls.patience, h.late)
	}
}

// late has whoever has not asked be away.
func (h *hall) late() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.timer == nil { // it came too late itself
		return
	}
	h.timer = nil
	for _, m := range h.members {
		m.away = m.asked == nil
	}
	h.meet()
}

// begin begins a course of those who ask. Its caller holds mu.
func (h *hall) begin(asking []*member) {
	if h.timer != nil {
		h.timer.Stop()
		h.timer = nil
	}
	h.busy = true
	courses, answers := make([]Course, len(asking)), make([]chan answer, len(asking))
	steps := h.pace
	for _, m := range asking {
		steps = min(steps, len(m.asked.Rates))
	}
	for i, m := range asking {
		courses[i], answers[i] = *m.asked, m.done
		courses[i].Rates, courses[i].Order = courses[i].Rates[:steps], courses[i].Order[:steps]
		m.asked = nil
	}
	go func() {
		made, took, err := h.course(asking, courses)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.busy = false
		h.stepped = h.stepped || took > 0
		if h.err == nil { // else it says again what has failed
			h.err = err
		}
		for i, to := range answers {
			if err != nil {
				to <- answer{err: err}
				continue
			}
			made[i].steps = steps
			to <- made[i]
		}
		h.pace = paceAfter(steps, h.pace, took)
		h.meet()
	}()
}

// paceAfter is the pace after a course of so many steps that took so long.
func paceAfter(steps, pace int, took time.Duration) int {
	const growth = 4
	if took == 0 { // there was none
		return pace
	}
	wanted := float64(steps) * float64(courseTime) / float64(took)
	return min(max(1, int(min(wanted, longest))), growth*max(steps, pace))
}

// course makes steps of some members, and says how long they took by themselves. Members for
// whom the device has no memory are told so, and the others go on. After an error of its own
// nothing is known of any.
func (h *hall) course(asking []*member, courses []Course) ([]answer, time.Duration, error) {
	defer h.hold()()
	members, err := h.present()
	if err != nil {
		return nil, 0, err
	}
	for i, m := range h.seated { // who left has no seat any more
		if !slices.Contains(members, m) {
			h.seated[i] = nil
		}
	}
	ctx := context.Background() // nobody's own: those who wait are done at other times
	refused, err := h.seat(ctx, members, asking, slices.ContainsFunc(courses, Course.clips))
	if err != nil {
		return nil, 0, err
	}
	answers, all := make([]answer, len(asking)), make([]Course, len(h.seated))
	seats, seated := make([]int, len(asking)), 0
	for i, m := range asking {
		if seats[i] = slices.Index(h.seated, m); seats[i] < 0 {
			answers[i].err = refused
			continue
		}
		all[seats[i]] = courses[i]
		seated++
	}
	if seated == 0 {
		return answers, 0, nil
	}
	outcomes, err := h.trainer.Steps(ctx, all)
	if err != nil {
		return nil, 0, err
	}
	for i, seat := range seats {
		if seat >= 0 {
			answers[i].losses = outcomes[seat].Losses
		}
	}
	return answers, h.trainer.took, nil
}
