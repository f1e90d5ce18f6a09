// Package mixertest checks implementations of nn.Mixer: what a layer and the
// probes rely on. A mixer needs one call of Test in a test, and one of Compare
// for every case of PyTorch's that it has.
package mixertest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"icar/ar"
	"icar/nn"
)

// Shapes: T time, D embed.

// models is the number of configurations that Test draws, least that of those
// that a kind of mixer has to take, most that of the complaints after which it
// gives up.
const models, least, most = 200, 20, 5

// Test draws configurations and returns an error that names every property which
// mixers of that kind lack in one of them:
//
//   - the names of tensors are their own, and every tensor changes the output;
//   - y at a token does not depend on later tokens;
//   - Backward adds to what it is given, and adds the gradient, which is compared
//     with finite differences in float64 for every tensor and the input, and the
//     position vectors if it is a Placer;
//   - along QueryPath tokens act on themselves alone, through what Forward
//     computes along it, and Backward is its gradient;
//   - results are the same bits each time, whatever a Memo has seen before;
//   - float32 is float64 rounded.
//
// Configurations that the kind refuses do not count, unless they are too many.
func Test(kind nn.Mixing) error {
	var wrong []error
	var refusal error
	taken, moved := 0, map[string]bool{} // tensors that have changed an output
	for i := range models {
		r := ar.Rand(1, "mixertest", uint64(i))
		s, err := draw(kind, r)
		if err != nil {
			refusal = err
			continue
		}
		taken++
		for _, check := range []func(*rand.Rand) error{
			s.names, s.causal, s.gradient, s.adds, s.query, s.sameBits, s.narrow,
		} {
			if err := check(r); err != nil {
				wrong = append(wrong, fmt.Errorf("%+v: %w", s.config, err))
			}
		}
		for i, changes := range s.moved() {
			moved[s.specs[i].Name] = moved[s.specs[i].Name] || changes
		}
		if len(wrong) > most {
			return errors.Join(wrong...)
		}
	}
	for name, changes := range moved {
		if !changes {
			wrong = append(wrong, fmt.Errorf("no output depends on %s", name))
		}
	}
	if taken < least && len(wrong) == 0 {
		wrong = append(wrong, fmt.Errorf("the mixer took %d of %d configurations, "+
			"fewer than %d: %w", taken, models, least, refusal))
	}
	return errors.Join(wrong...)
}

// subject is a mixer of some configuration with random tensors and a sequence.
type subject struct {
	kind    nn.Mixing
	config  nn.Config
	length  int // T
	specs   []nn.Spec
	unbound nn.Mixer[float64]
	tensors [][]float64
	x, dy   []float64 // (T, D)
	pos     []float64 // (T, D); nil where the mixer is no Placer or there is no product position
}

// draw returns a random subject. The error is the kind's about its configuration.
func draw(kind nn.Mixing, r *rand.Rand) (subject, error) {
	c := nn.DefaultConfig()
	c.Mixer, c.Mixing = kind.Name(), kind
	c.Heads = 1 + r.IntN(3)
	c.Width = 1 + r.IntN(3)
	c.Embed = c.Width * (1 + r.IntN(4))
	c.Coords, c.Length = c.Width, 1+r.IntN(12)
	c.Attention = pick(r, nn.LinearAttention, nn.SoftmaxAttention)
	c.Position = pick(r, nn.NoPosition, nn.ProductPosition)
	s := subject{kind: kind, config: c, length: c.Length}
	mixer, err := kind.Float64(c)
	if err != nil {
		return s, err
	}
	s.unbound, s.specs = mixer, mixer.Specs()
	for _, t := range s.specs {
		s.tensors = append(s.tensors, normal(r, size(t.Shape)))
	}
	s.x, s.dy = normal(r, s.length*c.Embed), normal(r, s.length*c.Embed)
	if _, ok := mixer.(nn.Placer[float64]); ok && c.Position == nn.ProductPosition {
		s.pos = normal(r, s.length*c.Embed)
	}
	return s, nil
}

func pick[E any](r *rand.Rand, values ...E) E { return values[r.IntN(len(values))] }

// normal returns n numbers of variance 1/4, at which a softmax is not yet hard.
func normal(r *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64() / 2
	}
	return x
}

func size(shape []int) int {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return n
}

// memo returns a new Memo, with the position vectors placed.
func (s subject) memo(m nn.Mixer[float64]) *nn.Memo[float64] {
	memo := &nn.Memo[float64]{Sums: new(nn.Memo[float64])}
	if s.pos != nil {
		memo.Place = new(nn.Memo[float64])
		m.(nn.Placer[float64]).Place(s.pos, memo.Place)
	}
	return memo
}

// forward returns y and the Memo.
func (s subject) forward() ([]float64, *nn.Memo[float64]) {
	m := s.unbound.Bind(s.tensors)
	memo, y := s.memo(m), make([]float64, len(s.x))
	m.Forward(y, s.x, memo, nn.AllPaths)
	return y, memo
}

// gradients are those of dy·y.
type gradients struct {
	tensors [][]float64
	x, pos  []float64
}

// backward returns the gradients after a forward with memo.
func (s subject) backward(memo *nn.Memo[float64], path nn.Path) gradients {
	g := s.zero()
	s.unbound.Bind(s.tensors).Backward(g.x, s.unbound.Bind(g.tensors), s.dy, s.x, memo, path)
	s.placeBackward(g, memo)
	return g
}

// zero returns gradients of 0.
func (s subject) zero() gradients {
	g := gradients{x: make([]float64, len(s.x)), pos: make([]float64, len(s.pos))}
	for _, t := range s.tensors {
		g.tensors = append(g.tensors, make([]float64, len(t)))
	}
	return g
}

// placeBackward lets a Placer add to g.
func (s subject) placeBackward(g gradients, memo *nn.Memo[float64]) {
	if s.pos != nil {
		placer := s.unbound.Bind(s.tensors).(nn.Placer[float64])
		placer.PlaceBackward(g.pos, s.unbound.Bind(g.tensors), s.pos, memo)
	}
}

// all returns the parts of gradients with their names.
func (s subject) all(g gradients) (names []string, parts [][]float64) {
	for _, t := range s.specs {
		names = append(names, t.Name)
	}
	names = append(names, "the input", "the position vectors")
	return names, slices.Concat(g.tensors, [][]float64{g.x, g.pos})
}
