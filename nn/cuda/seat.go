package cuda

import (
	"context"
	"slices"

	"icar/nn"
)

// seat has a run of the trainer for each of those who ask. Who left leaves a run to the
// next who comes; if there is none, or if most are nobody's, a trainer of all members takes
// the place of the last. Its caller holds work.
func (h *hall) seat(ctx context.Context, members, asking []*member) error {
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
			return h.reseat(ctx, members)
		}
		h.trainer.runs.models[i], h.seated[i] = m.model, m
		if err := h.trainer.Send(ctx, i, m.state); err != nil {
			return err
		}
		live++
	}
	if 2*live < len(h.seated) {
		return h.reseat(ctx, members)
	}
	return nil
}

// inMemory is what a run's steps have made: weights and moments.
type inMemory [3][]float32

// reseat makes a trainer of all members, with what their steps have made so far.
func (h *hall) reseat(ctx context.Context, members []*member) error {
	made := make([]*inMemory, len(members))
	for i, m := range members {
		if run := slices.Index(h.seated, m); run >= 0 {
			var err error
			if made[i], err = h.trainer.copyOf(ctx, run); err != nil {
				return err
			}
		}
	}
	if h.trainer != nil {
		if err := h.trainer.Close(ctx); err != nil {
			return err
		}
		h.trainer, h.seated = nil, nil
	}
	models := make([]*nn.Transformer[float32], len(members))
	for i, m := range members {
		models[i] = m.model
	}
	trainer, err := newTrainer(ctx, h.halls.device, h.halls.library,
		Shape{h.n, h.t, longest}, models)
	if err != nil {
		return err
	}
	h.trainer, h.seated = trainer, slices.Clone(members)
	for i, m := range members {
		if made[i] != nil {
			err = trainer.put(ctx, i, made[i])
		} else {
			err = trainer.Send(ctx, i, m.state)
		}
		if err != nil {
			return err
		}
	}
	return nil
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
