package cuda_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/emulator"
)

// odd has batches that another feed has, but for one.
type odd struct {
	nn.Feed
	at  int
	odd batch
}

func (o odd) Batch(ctx context.Context, k int) (batch, error) {
	if k == o.at {
		return o.odd, nil
	}
	return o.Feed.Batch(ctx, k)
}

// Batches that are not as large as the first, have no targets or are not those of the model
// are refused at their step, whether they are drawn or of a set.
func TestBatchesThatAreRefused(t *testing.T) {
	c := small()
	good := drawn{deck{draw(c, 1, 11, 1)[0], 5}, 9}
	all := draw(c, 1, 6, 1)[0]
	blind, short := all, all
	blind.Y, short.X = nil, all.X[1:]
	less := c
	less.Length--
	early := draw(less, 1, 5, 1)[0]
	for name, test := range map[string]struct {
		feed nn.Feed
		k    int
		want string
	}{
		"one more sequence": {odd{good, 3, all}, 3, "a batch is 5"},
		"a token less":      {odd{good, 3, early}, 3, "no sequences of 3 tokens"},
		"no targets":        {odd{good, 1, blind}, 1, "no targets"},
		"a number less":     {odd{good, 1, short}, 1, "tokens"},
		"a blind set":       {deck{blind, 5}, 1, "no targets"},
		"a short set":       {deck{short, 5}, 1, "tokens"},
	} {
		d := &tally{Device: emulator.New()}
		_, s := descend(t, cuda.On(d), c, 1, nn.Descent{Feed: test.feed, Last: 9})
		if test.k > 1 {
			steps(t, s, 1, test.k-1)
		}
		for range 2 { // what was there for the first time is given back too
			if _, err := s.Steps(context.Background(), test.k, 1); err == nil ||
				!strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v, want %q", name, err, test.want)
			}
		}
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
		d.empty(t, name)
	}
}

// late is a feed whose batches take a second from some step on.
type late struct {
	nn.Feed
	from   int
	inside *atomic.Int32
}

func (l late) Batch(ctx context.Context, k int) (batch, error) {
	if k < l.from {
		return l.Feed.Batch(ctx, k)
	}
	l.inside.Add(1)
	defer l.inside.Add(-1)
	select {
	case <-time.After(time.Second):
		return l.Feed.Batch(ctx, k)
	case <-ctx.Done():
		time.Sleep(time.Second) // until it looks
		return batch{}, context.Cause(ctx)
	}
}

// What is drawn ahead is drawn for later steps, whose context is another; who closes a stepper
// may use its feed.
func TestDrawnAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := small()
		const window = 1024 // steps
		var inside atomic.Int32
		feed := late{drawn{deck{draw(c, 1, 11, 1)[0], 2}, 1 << 20}, window + 1, &inside}
		_, s := descend(t, cuda.On(emulator.New()), c, 1, nn.Descent{Feed: feed, Last: window + 2})
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := s.Steps(ctx, 1, 1); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if inside.Load() != 1 {
			t.Error("nothing is drawn ahead")
		}
		cancel()
		if _, err := s.Steps(t.Context(), window+1, 1); err != nil {
			t.Errorf("what was drawn ahead ended with the first step: %v", err)
		}
		_, other := descend(t, cuda.On(emulator.New()), c, 1, nn.Descent{Feed: feed, Last: 1 << 20})
		if _, err := other.Steps(t.Context(), 1, 1); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := errors.Join(s.Close(t.Context()), other.Close(t.Context())); err != nil {
			t.Error(err)
		}
		if inside.Load() != 0 {
			t.Error("the feed of a stepper that is closed is in use")
		}
	})
}

// faulty is a feed that fails at some step, once.
type faulty struct {
	nn.Feed
	at     int
	failed bool
}

func (f *faulty) Batch(ctx context.Context, k int) (batch, error) {
	if k == f.at && !f.failed {
		f.failed = true
		return batch{}, errDrawn
	}
	return f.Feed.Batch(ctx, k)
}

// A window that cannot be sent, or that a feed does not draw, is not there: a step that is
// asked for again is on its own sequences.
func TestStepIsAskedForAgain(t *testing.T) {
	ctx, c := t.Context(), small()
	const n, window = 2, 1024
	for name, fault := range map[string]error{"the device": errFailed, "the feed": errDrawn} {
		var losses []float64
		for _, fails := range []bool{false, true} {
			d := &tally{Device: emulator.New()}
			feed := &faulty{Feed: drawn{deck{draw(c, 1, 11, 1)[0], n}, 1 << 20}}
			if fails && fault == errDrawn {
				feed.at = window + 1
			}
			_, s := descend(t, cuda.On(d), c, 1, nn.Descent{Feed: feed, Last: window + 2})
			steps(t, s, 1, 1)
			if fails && fault == errFailed {
				d.least = 1
			}
			if fails {
				if made, err := s.Steps(ctx, window+1, 1); !errors.Is(err, fault) {
					t.Errorf("%s fails, and a step says %v, %v", name, made, err)
				}
			}
			d.least = 0
			losses = append(losses, steps(t, s, window+1, window+1)...)
			finish(t, s)
			d.empty(t, name)
		}
		if losses[0] != losses[1] {
			t.Errorf("%s fails, and the loss of a step is %v, want %v", name, losses[1], losses[0])
		}
	}
}
