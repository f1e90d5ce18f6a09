package train

import (
	"math"
	"slices"
	"testing"

	"icar/ar"
	"icar/nn"
)

func newBatches(t *testing.T, c Config) *Batches {
	t.Helper()
	b, err := NewBatches(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func batch(t *testing.T, b *Batches, k int) nn.Batch[float32] {
	t.Helper()
	batch, err := b.Batch(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	batch.X, batch.Y = slices.Clone(batch.X), slices.Clone(batch.Y) // the next call overwrites them
	return batch
}

// firsts returns the first target of every sequence, which tells them apart.
func firsts(b nn.Batch[float32], d int) []float32 {
	var list []float32
	for n := range b.N {
		list = append(list, b.Y[n*b.T*d])
	}
	return list
}

// Every epoch is the training set in another order.
func TestEpochIsAPermutation(t *testing.T) {
	c := small()
	b := newBatches(t, c)
	var epochs [2][]float32
	for k := 1; k <= 8; k++ {
		epochs[(k-1)/4] = append(epochs[(k-1)/4], firsts(batch(t, b, k), c.D)...)
	}
	if slices.Equal(epochs[0], epochs[1]) {
		t.Error("both epochs have the same order")
	}
	for e := range epochs {
		slices.Sort(epochs[e])
		if distinct := len(slices.Compact(slices.Clone(epochs[e]))); distinct != c.Train {
			t.Errorf("epoch %d has %d different sequences, want %d", e, distinct, c.Train)
		}
	}
	if !slices.Equal(epochs[0], epochs[1]) {
		t.Error("the epochs hold different sequences")
	}
}

// Batch k does not depend on the batches asked for before.
func TestBatchIsAFunctionOfTheStep(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		c := small()
		c.Fresh = fresh
		forward, backward := newBatches(t, c), newBatches(t, c)
		var want []nn.Batch[float32]
		for k := 1; k <= 8; k++ {
			want = append(want, batch(t, forward, k))
		}
		for k := 8; k >= 1; k-- {
			if got := batch(t, backward, k); !slices.Equal(got.X, want[k-1].X) ||
				!slices.Equal(got.Y, want[k-1].Y) {
				t.Errorf("fresh %v: batch %d differs", fresh, k)
			}
		}
		c.Seed++
		if other := batch(t, newBatches(t, c), 1); slices.Equal(other.X, want[0].X) {
			t.Errorf("fresh %v: the seed changes nothing", fresh)
		}
	}
}

// No sequence is seen twice: neither in fresh batches nor in the test set.
func TestFreshAndTestSequencesAreNew(t *testing.T) {
	c := small()
	fixed := newBatches(t, c)
	c.Fresh = true
	fresh := newBatches(t, c)
	test, err := TestSet(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	all := firsts(test, c.D)
	for k := 1; k <= 4; k++ {
		all = append(all, firsts(batch(t, fixed, k), c.D)...)
		all = append(all, firsts(batch(t, fresh, k), c.D)...)
	}
	n := len(all)
	slices.Sort(all)
	if all = slices.Compact(all); n != 48+2*128 || len(all) != n {
		t.Errorf("%d of %d sequences are different", len(all), n)
	}
}

// The target of a token is the state in the next one.
func TestTargetsAreTheNextStates(t *testing.T) {
	for _, tokens := range []ar.Tokens{ar.Plain, ar.Augmented} {
		c := small()
		c.Tokens = tokens
		b := batch(t, newBatches(t, c), 3)
		width, at := tokens.Width(c.D), 0
		if tokens == ar.Augmented {
			at = c.D
		}
		if b.N != c.Batch || b.T != c.Length || len(b.X) != b.N*b.T*width ||
			len(b.Y) != b.N*b.T*c.D {
			t.Fatalf("%s: a batch of %d × %d with %d and %d numbers", tokens, b.N, b.T, len(b.X),
				len(b.Y))
		}
		for n := range b.N {
			for p := range b.T - 1 {
				next := b.X[(n*b.T+p+1)*width+at:][:c.D]
				if target := b.Y[(n*b.T+p)*c.D:][:c.D]; !slices.Equal(target, next) {
					t.Fatalf("%s: target %v, next state %v", tokens, target, next)
				}
			}
		}
	}
}

// The mean squared error is the model's own loss.
func TestEvaluationIsTheLoss(t *testing.T) {
	c, err := small().Resolve()
	if err != nil {
		t.Fatal(err)
	}
	m, err := nn.New[float32](c.Config, 1)
	if err != nil {
		t.Fatal(err)
	}
	test, err := TestSet(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	errors, err := SquaredErrors(t.Context(), m, test)
	if err != nil {
		t.Fatal(err)
	}
	loss, err := m.Loss(t.Context(), test)
	if err != nil {
		t.Fatal(err)
	}
	e := evaluate(errors, c.Length)
	// Predictions differ from targets by float32 in the one and float64 in the other.
	if math.Abs(e.TestMSE-loss) > 1e-6*loss {
		t.Errorf("test MSE %v, loss %v", e.TestMSE, loss)
	}
	first := 0.0 // position 1 alone, by a batch of one token
	for n := range test.N {
		first += errors[n*test.T] / float64(test.N)
	}
	if len(e.PositionMSE) != c.Length || math.Abs(e.PositionMSE[0]-first) > 1e-15 {
		t.Errorf("MSE by position %v, the first is %v", e.PositionMSE, first)
	}
}

// Batches say how they are drawn, and are drawn so, if they are fresh sequences of the process
// in tokens that are past states; of all others they say that they are not.
func TestBatchesSayHowTheyAreDrawn(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Config)
		drawn  bool
	}{
		"once":      {func(c *Config) { c.Fresh = false }, false},
		"fresh":     {func(*Config) {}, true},
		"named":     {func(c *Config) { c.Law, c.Tokens = processLaw, orderTokens }, true},
		"own law":   {func(c *Config) { c.Law = "tents" }, false},
		"own token": {func(c *Config) { c.Tokens = "powers" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := own(t).Config()
			if err := c.Decode(small().YAML()); err != nil {
				t.Fatal(err)
			}
			c.Fresh, c.Seed, c.Width, c.Embed, c.Coords = true, 7, 0, 0, 0
			test.change(&c)
			b := newBatches(t, c)
			by, drawn := b.Drawing()
			if drawn != test.drawn {
				t.Fatalf("drawn by a law of package ar: %v", drawn)
			}
			if !drawn {
				return
			}
			s, err := ar.NewSampler[float32](by.Law, by.N, by.T, by.Seed, by.Stream)
			if err != nil {
				t.Fatal(err)
			}
			want, got := s.Batch(3), batch(t, b, 3)
			x, err := want.Inputs(by.Tokens)
			if err != nil || !slices.Equal(got.X, x) || !slices.Equal(got.Y, want.Targets()) {
				t.Errorf("the batch is not drawn so, %v", err)
			}
		})
	}
}
