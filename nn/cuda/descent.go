package cuda

// Shapes: N batch, T time, S sequences of a set.

import (
	"context"
	"errors"
	"fmt"

	"icar/nn"
	"icar/nn/cuda/device"
)

// Descend implements nn.Descender: steps of Adam and AdamW are made on the device, beside
// those of other models of the shape. Other optimisers are left to the host.
func (b *Backend) Descend(_ context.Context, d nn.Descent) (nn.Stepper, error) {
	s := &descending{Descent: d, backend: b}
	switch o := d.Optimiser.(type) {
	case *nn.Adam[float32]:
	case *nn.AdamW[float32]:
		s.decay = o.Decay()
	default:
		return nil, fmt.Errorf("a card makes steps of adam and adamw: %w", errors.ErrUnsupported)
	}
	return s, nil
}

// descending implements nn.Stepper.
type descending struct {
	nn.Descent
	backend *Backend
	decay   float64
	member  *member // nil before the first step
	dealer  dealer  // as member
}

// dealer brings the sequences of steps to a device.
type dealer interface {
	// deal returns where those of step k and of up to n-1 steps after it are, and their
	// numbers (N) there. They stay there until the next call.
	deal(ctx context.Context, k, n int) (*Set, [][]int, error)
	// batch returns those of a step that was dealt.
	batch(ctx context.Context, k int) (nn.Batch[float32], error)
	close(ctx context.Context) error
}

// Steps implements nn.Stepper. Once steps have begun they are ended before ctx is looked
// at: that takes a moment, and what they have made is not lost.
func (d *descending) Steps(ctx context.Context, k, n int) ([]float64, error) {
	if d.member == nil {
		if err := d.begin(ctx, k); err != nil {
			return nil, err
		}
	}
	set, order, err := d.dealer.deal(ctx, k, min(n, d.member.room()))
	if err != nil {
		return nil, err
	}
	c := Course{First: k, Decay: d.decay, Clip: d.Clip, Set: set, Order: order}
	for i := range order {
		c.Rates = append(c.Rates, d.Rate(k+i))
	}
	made := d.member.steps(ctx, c)
	if made.err == nil && len(made.losses) < made.steps {
		made.err = d.name(context.WithoutCancel(ctx), k+len(made.losses))
	}
	return made.losses, made.err
}

// begin finds out how large batches are, and where the steps are made.
func (d *descending) begin(ctx context.Context, k int) error {
	n, t, err := d.take(ctx, k)
	if err != nil {
		return err
	}
	d.member = d.backend.halls.join(d.backend.model, d.Optimiser.State(), n, t)
	return nil
}

// take brings the set to the device, if batches are of one for which there is room, and
// returns N and T.
func (d *descending) take(ctx context.Context, k int) (n, t int, err error) {
	on := d.backend.halls.device
	if deck, ok := d.Feed.(nn.Deck); ok {
		all, err := deck.All(ctx)
		if err != nil {
			return 0, 0, err
		}
		room := int(memoryShare * float64(on.Properties().Memory))
		if all.N > 0 && 4*(len(all.X)+len(all.Y)) <= room {
			if err := d.fits(all); err != nil {
				return 0, 0, err
			}
			set, err := Hold(ctx, on, all)
			if err != nil {
				return 0, 0, err
			}
			d.dealer = &deckDealer{deck: deck, last: d.Last, device: on, set: set}
			return len(deck.Order(k)), all.T, nil
		}
	}
	if n, t, err := d.drawn(ctx, k); err != nil || n > 0 {
		return n, t, err
	}
	w := newWindows(on, d.Feed, d.Last)
	first, err := w.first(ctx, k)
	if err == nil {
		err = d.fits(first)
	}
	if err != nil {
		return 0, 0, errors.Join(err, w.close(context.WithoutCancel(ctx)))
	}
	d.dealer = w
	return first.N, first.T, nil
}

// drawn has the device draw the batches, if there are kernels for their law, and returns N
// and T; N is 0 if the host has to draw them. The first batch is compared with the host's, bit
// by bit.
func (d *descending) drawn(ctx context.Context, k int) (n, t int, err error) {
	feed, ok := d.Feed.(nn.Drawn)
	if !ok {
		return 0, 0, nil
	}
	by, ok := feed.Drawing()
	if !ok {
		return 0, 0, nil
	}
	p, err := newDrawing(by)
	if err != nil {
		return 0, 0, nil // one of the laws that the host draws
	}
	first, err := feed.Batch(ctx, k)
	if err == nil {
		err = d.fits(first)
	}
	if err != nil {
		return 0, 0, err
	}
	h := d.backend.halls
	w := newDraws(h.device, p, feed, d.Last)
	if err = w.load(ctx, h.compiler, h.others(d.backend.model)); err == nil {
		err = w.check(ctx, k, first)
	}
	switch {
	case err == nil:
		d.dealer = w
		return first.N, first.T, nil
	case errors.Is(err, device.ErrLost) || ctx.Err() != nil:
		return 0, 0, errors.Join(err, w.close(context.WithoutCancel(ctx)))
	}
	if d.Notice != nil {
		d.Notice(fmt.Errorf("the processor draws the sequences of a run on the card: %w", err))
	}
	return 0, 0, w.close(ctx)
}

// fits returns what is wrong with sequences to train on.
func (d *descending) fits(b nn.Batch[float32]) error {
	if b.Y == nil {
		return errNoTargets
	}
	return b.Check(d.backend.model.Config())
}

// name says what is not finite in a step: of the reference, or of the device, which makes the
// gradient again, if that is in its order of summation alone.
func (d *descending) name(ctx context.Context, k int) error {
	if err := d.Sync(ctx); err != nil {
		return err
	}
	b, err := d.dealer.batch(ctx, k)
	if err != nil {
		return err
	}
	if _, err := d.backend.model.Gradient(ctx, b); err != nil {
		return err
	}
	_, err = d.backend.Gradient(ctx, b)
	var named nn.NonFiniteError
	if errors.As(err, &named) {
		return err
	}
	return errors.Join(nn.NonFiniteError{Tensor: "loss"}, err)
}

// Sync implements nn.Stepper.
func (d *descending) Sync(ctx context.Context) error {
	if d.member == nil {
		return nil
	}
	return d.member.fetch(ctx)
}

// Close implements nn.Stepper.
func (d *descending) Close(ctx context.Context) error {
	var err error
	if d.member != nil {
		err = d.backend.halls.leave(ctx, d.member)
		d.member = nil
	}
	if d.dealer != nil {
		err = errors.Join(err, d.dealer.close(ctx))
		d.dealer = nil
	}
	return err
}
