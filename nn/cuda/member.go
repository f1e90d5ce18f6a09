package cuda

// Shapes: R runs, K steps, N batch, T time.

import (
	"context"
	"slices"

	"icar/nn"
)

// member is a run that makes steps in a hall.
type member struct {
	hall  *hall
	model *nn.Transformer[float32]
	state []nn.Tensor[float32]
	// Of hall.mu:
	asked *Course
	done  chan answer // of asked
	away  bool        // the others do not wait for it
}

// answer is what came of a course.
type answer struct {
	losses []float64
	steps  int // that were to be made
	err    error
}

// room is how many steps there is a use of asking for.
func (m *member) room() int {
	m.hall.mu.Lock()
	defer m.hall.mu.Unlock()
	return m.hall.pace
}

// steps makes steps of a course, as many as the others make too.
func (m *member) steps(ctx context.Context, c Course) answer {
	h, done := m.hall, make(chan answer, 1)
	h.mu.Lock()
	m.asked, m.done, m.away = &c, done, false
	h.meet()
	h.mu.Unlock()
	select {
	case a := <-done:
		return a
	case <-ctx.Done():
	}
	if h.withdraw(m) {
		return answer{err: context.Cause(ctx)}
	}
	return <-done // what has begun is ended, in a moment
}

// withdraw takes back what a member has asked, unless that has begun.
func (h *hall) withdraw(m *member) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.asked == nil {
		return false
	}
	m.asked, m.away = nil, true
	return true
}

// fetch sets model and state to what the steps have made of them.
func (m *member) fetch(ctx context.Context) error {
	h := m.hall
	defer h.hold()()
	if _, err := h.present(); err != nil {
		return err
	}
	if i := slices.Index(h.seated, m); i >= 0 {
		return h.trainer.Fetch(ctx, i, m.state)
	}
	return nil // there were no steps
}
