package cuda

// Shapes: N batch, K steps.

import (
	"context"

	"icar/nn"
	"icar/nn/cuda/device"
)

// deckDealer deals from a set that is on the device. While the device makes steps the next
// are shuffled: that takes a third as long as steps of a small model do.
type deckDealer struct {
	deck   nn.Deck
	last   int // step
	device device.Device
	set    *Set
	next   chan hands // what is being dealt, nil if nothing is
}

// hands are the numbers (K, N) of the sequences of steps, from the first on.
type hands struct {
	first int
	order [][]int
}

// from returns those of up to n steps from k on, none if k is not among them.
func (h hands) from(k, n int) [][]int {
	skipped := k - h.first
	if skipped < 0 || skipped >= len(h.order) {
		return nil
	}
	return h.order[skipped:min(skipped+n, len(h.order))]
}

// shuffled returns the numbers of the sequences of up to n steps from k on.
func (d *deckDealer) shuffled(k, n int) hands {
	h := hands{k, make([][]int, min(n, d.last-k+1))}
	for i := range h.order {
		h.order[i] = append([]int(nil), d.deck.Order(k+i)...)
	}
	return h
}

func (d *deckDealer) deal(_ context.Context, k, n int) (*Set, [][]int, error) {
	order := d.settled().from(k, n)
	if order == nil {
		order = d.shuffled(k, n).order
	}
	if first := k + len(order); first <= d.last {
		d.next = make(chan hands, 1)
		go func() { d.next <- d.shuffled(first, n) }()
	}
	return d.set, order, nil
}

// settled returns what was dealt ahead when that is done. Until then the deck is in use.
func (d *deckDealer) settled() (h hands) {
	if d.next != nil {
		h, d.next = <-d.next, nil
	}
	return h
}

func (d *deckDealer) batch(ctx context.Context, k int) (nn.Batch[float32], error) {
	d.settled()
	return d.deck.Batch(ctx, k)
}

func (d *deckDealer) close(ctx context.Context) error {
	d.settled()
	return d.set.Release(ctx, d.device)
}
