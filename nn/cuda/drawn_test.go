package cuda_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"icar/ar"
	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
	"icar/nn/cuda/devicetest"
	"icar/nn/cuda/emulator"
)

// drawing is one of sequences of the law.
func drawing(law ar.Process, tokens ar.Lagged, n, t int) nn.Drawing {
	return nn.Drawing{Law: law, Tokens: tokens, N: n, T: t, Seed: 1, Stream: "train"}
}

// drawnOn returns the batches of some steps that a device draws.
func drawnOn(t *testing.T, d device.Device, by nn.Drawing, first, last int) []batch {
	t.Helper()
	got, err := cuda.Draw(context.Background(), d, by, first, last)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != last-first+1 {
		t.Fatalf("there are %d batches of steps %d to %d", len(got), first, last)
	}
	return got
}

// sampled is the batch of a step that package ar draws.
func sampled(t *testing.T, by nn.Drawing, k int) batch {
	t.Helper()
	s, err := ar.NewSampler[float32](by.Law, by.N, by.T, by.Seed, by.Stream)
	if err != nil {
		t.Fatal(err)
	}
	b := s.Batch(uint64(k))
	x, err := b.Inputs(by.Tokens)
	if err != nil {
		t.Fatal(err)
	}
	return batch{N: by.N, T: by.T, X: x, Y: b.Targets()}
}

// sameBatches checks batches of steps from the first on, bit by bit.
func sameBatches(t *testing.T, by nn.Drawing, first int, got []batch) {
	t.Helper()
	if err := devicetest.Drawn(by, first, got); err != nil {
		t.Error(err)
	}
}

// counted counts the numbers that are taken of a generator.
type counted struct {
	*rand.ChaCha8
	taken int
}

func (c *counted) Uint64() uint64 {
	c.taken++
	return c.ChaCha8.Uint64()
}

// rare is how often a drawing comes to what is rare in the normal variates: a wedge that is
// under the curve and one that is not, the tail on both sides, and a tail that is not under it;
// and to new keys of its generators.
func rare(by nn.Drawing, k int) (events [6]int) {
	for b := range (by.N + ar.BlockSize - 1) / ar.BlockSize {
		c := &counted{ChaCha8: rand.NewChaCha8(ar.BlockKey(by.Seed, by.Stream, uint64(k), b))}
		r := rand.New(c)
		for range min(ar.BlockSize, by.N-b*ar.BlockSize) {
			r.Uint64() // a sign
			for range by.Law.D*(by.Law.D+1)/2 - 1 {
				before := c.taken
				x := r.NormFloat64()
				numbers := c.taken - before
				switch {
				case x > 3.4427:
					events[2]++
				case x < -3.4427:
					events[3]++
				case numbers == 2:
					events[0]++
				case numbers > 2:
					events[1]++
				}
				if math.Abs(x) > 3.4427 && numbers > 3 {
					events[4]++
				}
			}
		}
		events[5] += c.taken / 124
	}
	return events
}

// TestRareVariatesAreDrawn draws so many variates that each of the ways in which one comes
// about is among them, and all keys follow from others.
func TestRareVariatesAreDrawn(t *testing.T) {
	by := drawing(ar.New(ar.Haar, 9), ar.Plain, 32*ar.BlockSize-3, 1)
	var events [6]int
	for k := 1; k <= 2; k++ {
		for i, n := range rare(by, k) {
			events[i] += n
		}
	}
	if slices.Contains(events[:], 0) {
		t.Fatalf("there are %v of each, want some", events)
	}
	sameBatches(t, by, 1, drawnOn(t, emulator.New(), by, 1, 2))
}

// little is a device with little memory.
type little struct {
	device.Device
	memory   int
	launches int
	last     int // launch before which it is lost, 0 for none
}

func (l *little) Properties() device.Properties {
	p := l.Device.Properties()
	p.Memory = l.memory
	return p
}

func (l *little) Launch(ctx context.Context, work []device.Launch) error {
	if l.launches++; l.launches == l.last {
		return device.ErrLost
	}
	return l.Device.Launch(ctx, work)
}

// TestWindowsFollowEachOther draws so many steps that there is no room for all of them: those
// of the next window go on where the last has ended, and the last has those that are left.
func TestWindowsFollowEachOther(t *testing.T) {
	by := drawing(ar.New(ar.Haar, 3), ar.Augmented, 18, 4)
	// A step is 18·4·(9+3) numbers of tokens and targets, 18·6 of variates, which are twice as
	// wide, and two keys of 8: 1096.
	d := &little{Device: emulator.New(), memory: 128 * 4 * 1096 * 3}
	sameBatches(t, by, 5, drawnOn(t, d, by, 5, 12))
	if d.launches != 3 {
		t.Errorf("8 steps are drawn in %d windows, want 3, 3 and 2", d.launches)
	}
}

// TestLostBetweenWindows ends what is drawn, though keys of the window were made ahead.
func TestLostBetweenWindows(t *testing.T) {
	by := drawing(ar.New(ar.Haar, 1), ar.Plain, 1, 1)
	d := &little{Device: emulator.New(), memory: 1, last: 2}
	if _, err := cuda.Draw(context.Background(), d, by, 1, 4); !errors.Is(err, device.ErrLost) {
		t.Errorf("it ends with %v", err)
	}
}

// TestMoreIsNotDrawn says which drawings have no kernels.
func TestMoreIsNotDrawn(t *testing.T) {
	noisy, large := ar.New(ar.Haar, 2), ar.New(ar.Haar, 12)
	noisy.Sigma = 0.1
	for _, law := range []ar.Process{noisy, large, ar.New(ar.Rotation, 2)} {
		_, err := cuda.Draw(t.Context(), emulator.New(), drawing(law, ar.Plain, 1, 1), 1, 1)
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%+v: %v", law, err)
		}
	}
}
