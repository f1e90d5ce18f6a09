// Package lawtest says whether a law of sequences or an encoding of tokens keeps
// the contract of [ar.Law] or [ar.Encoding], as testing/fstest does for file
// systems. The test of a new law is
//
//	func TestTent(t *testing.T) {
//		if err := lawtest.Check(Tent{Slope: 1.9}, Tent{Slope: -1}); err != nil {
//			t.Fatal(err)
//		}
//	}
package lawtest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"

	"icar/ar"
)

// length is the number of states of the sequences that are drawn, and the number
// of blocks.
const (
	length = 6
	blocks = 5
)

// Check returns an error that says what about a law breaks the contract; every
// one of the wrong laws has to be refused by its own Check. A law is held to:
//
//   - its Check passes, its Dim is positive;
//   - Draw writes every number, all of them finite, and returns no hidden
//     matrices or one (d, d) of each sequence, which tell the next state from
//     the last at least as well as those of other sequences do;
//   - what it draws depends on the generator, and on nothing else but n: not on
//     what was drawn before, nor on how many sequences are asked for;
//   - batches have the same bits whichever worker draws which block first.
func Check(law ar.Law, wrong ...ar.Law) error {
	for _, w := range wrong {
		if err := w.Check(); err == nil {
			return fmt.Errorf("%+v passes its Check", w)
		} else if m := err.Error(); m == "" || strings.Contains(m, "\n") {
			return fmt.Errorf("the error about %+v is not one line: %q", w, m)
		}
	}
	if err := law.Check(); err != nil {
		return fmt.Errorf("its Check does not pass: %w", err)
	}
	if law.Dim() < 1 {
		return fmt.Errorf("its dimension is %d, not positive", law.Dim())
	}
	for _, check := range []func(ar.Law) error{
		checkStates, checkContexts, checkGenerator, checkBlocks,
	} {
		if err := check(law); err != nil {
			return err
		}
	}
	return nil
}

// draw draws n sequences into states that hold something else already.
func draw(law ar.Law, n int, r *rand.Rand) (states []float64, contexts []ar.Context) {
	states = slices.Repeat([]float64{math.NaN()}, n*length*law.Dim())
	contexts = law.Draw(states, length, r)
	return states, contexts
}

// generator returns the generator of a block.
func generator(block int) *rand.Rand { return ar.Rand(1, "lawtest", uint64(block)) }

func checkStates(law ar.Law) error {
	for block := range blocks {
		states, _ := draw(law, ar.BlockSize, generator(block))
		for i, x := range states {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				d := law.Dim()
				return fmt.Errorf("coordinate %d of state %d of sequence %d is %v, or "+
					"was never written",
					i%d, i/d%length, i/d/length, x)
			}
		}
	}
	return nil
}

// checkContexts holds the hidden matrices of a block against its states.
func checkContexts(law ar.Law) error {
	states, contexts := draw(law, ar.BlockSize, generator(0))
	d := law.Dim()
	if contexts == nil {
		return nil
	}
	if len(contexts) != ar.BlockSize {
		return fmt.Errorf("%d sequences have %d contexts", ar.BlockSize, len(contexts))
	}
	for i, c := range contexts {
		if len(c.W) != d*d {
			return fmt.Errorf("the hidden matrix of sequence %d has %d entries, want %d·%d",
				i, len(c.W), d, d)
		}
	}
	// errors[k] is the squared error of s_{t+1} = W s_t with the matrix of k
	// sequences further on.
	var errors [ar.BlockSize]float64
	for i := range contexts {
		s := states[i*length*d : (i+1)*length*d]
		for k := range errors {
			errors[k] += unexplained(s, contexts[(i+k)%len(contexts)].W, d)
		}
	}
	if least := slices.Min(errors[:]); !(errors[0] <= least) {
		return fmt.Errorf("the hidden matrices are not those of their sequences: "+
			"the squared error "+
			"of s_{t+1} = W s_t is %.3g, with those of other sequences %.3g", errors[0], least)
	}
	return nil
}

// unexplained returns Σ_t |s_{t+1} - W s_t|².
func unexplained(s, w []float64, d int) (sum float64) {
	for ; len(s) > d; s = s[d:] {
		for i := range d {
			e := s[d+i]
			for j := range d {
				e -= w[i*d+j] * s[j]
			}
			sum += e * e
		}
	}
	return sum
}

// checkGenerator looks for what a draw depends on.
func checkGenerator(law ar.Law) error {
	first, hidden := draw(law, ar.BlockSize, generator(0))
	second, _ := draw(law, ar.BlockSize, generator(1))
	if slices.Equal(first, second) {
		return errors.New("two generators draw the same sequences: draw all randomness from r")
	}
	again, same := draw(law, ar.BlockSize, generator(0))
	if !slices.Equal(first, again) || !reflect.DeepEqual(hidden, same) {
		return errors.New("the same generator draws other sequences the second time: " +
			"keep no state, draw all randomness from r")
	}
	for n := 1; n < ar.BlockSize; n++ {
		fewer, some := draw(law, n, generator(0))
		if !slices.Equal(fewer, first[:len(fewer)]) ||
			len(some) > 0 && !reflect.DeepEqual(some, hidden[:n]) {
			return fmt.Errorf("%d sequences are not the first of %d: "+
				"sequence i may not depend on how many there are", n, ar.BlockSize)
		}
	}
	return nil
}

// checkBlocks draws a batch in order, in reverse, and by workers side by side.
func checkBlocks(law ar.Law) error {
	const n = blocks*ar.BlockSize - 3
	s, err := ar.NewSampler[float64](law, n, length-1, 1, "lawtest")
	if err != nil {
		return err
	}
	want, size := s.Batch(7), length*law.Dim()
	reversed, shared := make([]float64, n*size), make([]float64, n*size)
	into := func(states []float64, b int) {
		s.Block(7, b, states[b*ar.BlockSize*size:min(n, (b+1)*ar.BlockSize)*size])
	}
	for b := s.Blocks() - 1; b >= 0; b-- {
		into(reversed, b)
	}
	var workers sync.WaitGroup
	for b := range s.Blocks() {
		workers.Go(func() { into(shared, b) })
	}
	workers.Wait()
	if !slices.Equal(want.States, reversed) {
		return errors.New("a batch depends on the order in which its blocks are drawn")
	}
	if !slices.Equal(want.States, shared) {
		return errors.New("a batch depends on the workers that draw its blocks: " +
			"keep no state between draws")
	}
	return nil
}
