package cuda

import (
	"context"
	"errors"
	"slices"

	"icar/nn"
)

// seat has a run of the trainer for each of those who ask. Who left leaves a run to the
// next who comes; if there is none, or if most are nobody's, a trainer of all members takes
// the place of the last. Who is refused is so because the device has no memory for that.
// After another error nothing is known of the runs. Clip is whether a gradient will be
// clipped. Its caller has the turn.
func (h *hall) seat(ctx context.Context, members, asking []*member, clip bool) (
	refused, err error) {
	live := len(h.seated)
	for _, m := range h.seated {
		if m == nil {
			live--
		}
	}
	for _, m := range asking {
		if slices.Contains(h.seated, m) {
			continue
		}
		i := slices.Index(h.seated, nil)
		if i < 0 {
			return h.reseat(ctx, members, clip)
		}
		h.trainer.runs.models[i] = m.model
		if err := h.trainer.Send(ctx, i, m.state); err != nil {
			return nil, err
		}
		h.seated[i] = m
		live++
	}
	if 2*live < len(h.seated) {
		_, err = h.reseat(ctx, members, clip) // it does without
	}
	return nil, err
}

// inMemory is what a run's steps have made: weights and moments.
type inMemory [3][]float32

// reseat makes a trainer of all members, with what their steps have made so far. The last is
// there until the next is.
func (h *hall) reseat(ctx context.Context, members []*member, clip bool) (refused,
	err error) {
	models := make([]*nn.Transformer[float32], len(members))
	for i, m := range members {
		models[i] = m.model
	}
	trainer, err := newTrainer(ctx, h.halls.device, h.halls.compiler, h.halls.others(models[0]),
		clip, Shape{h.n, h.t, longest}, models)
	if err != nil {
		return err, nil
	}
	for i, m := range members {
		if err := h.move(ctx, m, trainer, i); err != nil {
			return nil, errors.Join(err, trainer.Close(ctx))
		}
	}
	if h.trainer != nil {
		err = h.trainer.Close(ctx)
	}
	h.trainer, h.seated = trainer, slices.Clone(members)
	return nil, err
}

// move brings what the steps of a member have made to a run of another trainer.
func (h *hall) move(ctx context.Context, m *member, to *Trainer, run int) error {
	seat := slices.Index(h.seated, m)
	if seat < 0 {
		return to.Send(ctx, run, m.state)
	}
	made, err := h.trainer.copyOf(ctx, seat)
	if err != nil {
		return err
	}
	return to.put(ctx, run, made)
}

// spans are where that of a run lies.
func (r *runs) spans(run int) [3]span {
	return [3]span{r.current(run, r.plan.theta), r.current(run, r.plan.m), r.current(run, r.plan.v)}
}

// copyOf is what the steps of a run have made.
func (t *Trainer) copyOf(ctx context.Context, run int) (*inMemory, error) {
	made := new(inMemory)
	for i, s := range t.runs.spans(run) {
		var err error
		if made[i], err = t.runs.read(ctx, run, s); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// put has a run be there.
func (t *Trainer) put(ctx context.Context, run int, made *inMemory) error {
	for i, s := range t.runs.spans(run) {
		if err := t.runs.write(ctx, run, s, made[i]); err != nil {
			return err
		}
	}
	return nil
}
