package ar

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"gonum.org/v1/gonum/floats"
	"pgregory.net/rapid"
)

func sampler[S Scalar](t rapid.TB, p Process, n, steps int, seed uint64,
	stream string) *Sampler[S] {
	t.Helper()
	s, err := NewSampler[S](p, n, steps, seed, stream)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNewSamplerRefusals(t *testing.T) {
	for _, c := range []struct {
		p    Process
		n, t int
		want string
	}{
		{New(Rotation, 3), 8, 8, "token dimension d = 3 is odd"},
		{New(Unitary, 3), 8, 8, "the unitary family has complex states and no real form"},
		{New(Haar, 3), 0, 8, "batch of N = 0 sequences: use N = 1 or more"},
		{New(Haar, 3), 8, 0, "context length T = 0 is not positive: use T = 1 or more"},
	} {
		if _, err := NewSampler[float32](c.p, c.n, c.t, 1, "train"); err == nil ||
			!strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	if _, err := NewSampler[complex128](New(Haar, 3), 8, 8, 1, "train"); err == nil {
		t.Error("Haar contexts are not diagonal, yet there is a sampler of complex states")
	}
}

// A batch is a function of its arguments: drawn again, drawn as part of a
// larger batch, or block by block by workers in any order, it has the same bits.
func TestBatchIsTheSameHoweverItIsDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := process(t)
		if p.Family == Unitary {
			checkDraws[complex128](t, p)
		} else {
			checkDraws[float32](t, p)
		}
	})
}

func checkDraws[S Scalar](t *rapid.T, p Process) {
	n, steps := rapid.IntRange(1, 50).Draw(t, "n"), rapid.IntRange(1, 10).Draw(t, "T")
	seed, step := rapid.Uint64().Draw(t, "seed"), rapid.Uint64().Draw(t, "step")
	size := (steps + 1) * p.D
	s := sampler[S](t, p, n, steps, seed, "train")
	b := s.Batch(step)
	if b.N != n || b.T != steps || b.D != p.D || len(b.States) != n*size || len(b.Contexts) != n {
		t.Fatalf("layout N = %d, T = %d, D = %d, %d states, %d contexts", b.N, b.T, b.D, len(b.States),
			len(b.Contexts))
	}
	if again := s.Batch(step); !reflect.DeepEqual(b, again) {
		t.Fatal("a batch drawn twice differs")
	}
	larger := sampler[S](t, p, n+rapid.IntRange(1, 20).Draw(t, "more"), steps, seed,
		"train").Batch(step)
	if !reflect.DeepEqual(larger.Part(0, n), b) {
		t.Fatal("a larger batch does not begin with the smaller one")
	}

	states, contexts := make([]S, n*size), make([][]Context, s.Blocks())
	var workers sync.WaitGroup
	for k := range contexts {
		workers.Go(func() {
			states := states[k*BlockSize*size : min(n, (k+1)*BlockSize)*size]
			contexts[k] = s.Block(step, k, states)
		})
	}
	workers.Wait()
	if !slices.Equal(states, b.States) || !reflect.DeepEqual(slices.Concat(contexts...), b.Contexts) {
		t.Fatal("workers drew another batch")
	}
}

// Every state follows from its own context, and any change of seed, stream,
// step or sequence changes the context.
func TestSequencesHaveContextsOfTheirOwn(t *testing.T) {
	p := New(Haar, 3)
	seen := map[string]string{}
	for _, c := range []struct {
		seed   uint64
		stream string
		step   uint64
	}{{1, "train", 0}, {2, "train", 0}, {1, "test", 0}, {1, "train", 1}} {
		b := sampler[float64](t, p, 40, 5, c.seed, c.stream).Batch(c.step)
		for n, context := range b.Contexts {
			where := fmt.Sprintf("%v sequence %d", c, n)
			if other, ok := seen[fmt.Sprint(context.W)]; ok {
				t.Fatalf("%s has the context of %s", where, other)
			}
			seen[fmt.Sprint(context.W)] = where
			want := must[float64](t, p, context, 6, "")
			if !slices.Equal(b.sequence(n), want) {
				t.Fatalf("%s does not follow from its context", where)
			}
		}
	}
}

// Common random numbers: the hidden matrices stay when σ or T change.
func TestContextsDependNeitherOnNoiseNorOnLength(t *testing.T) {
	p := New(Rotation, 4)
	want := sampler[float32](t, p, 20, 5, 1, "train").Batch(3).Contexts
	p.Sigma = 0.5
	for _, steps := range []int{5, 9} {
		if got := sampler[float32](t, p, 20, steps, 1,
			"train").Batch(3).Contexts; !reflect.DeepEqual(got, want) {
			t.Errorf("T = %d, σ = 0.5: other contexts", steps)
		}
	}
}

// Noise is fresh for every sequence, also within a block.
func TestNoiseOfSequencesIsIndependent(t *testing.T) {
	const blocks = 300
	p := New(Haar, 1) // W = ±1, so s_2 - W s_1 = σ ε
	p.Sigma = 1
	s := sampler[float64](t, p, 2, 1, 1, "train")
	var products []float64
	for step := range uint64(blocks) {
		b := s.Batch(step)
		e := [2]float64{}
		for n := range e {
			e[n] = b.States[2*n+1] - b.Contexts[n].W[0]*b.States[2*n]
		}
		products = append(products, e[0]*e[1])
	}
	checkMean(t, "E ε ε' of two sequences", products, 0)
}

// A seed means the same sequences in every version, or figures and stored runs
// could not be repeated. The slack is for processors that fuse a product and a
// sum; any change of what is drawn, or in which order, is of order 1.
func TestSeedMeansTheSameSequencesForEver(t *testing.T) {
	for _, c := range []struct {
		family Family
		want   []float64
	}{
		{Rotation, []float64{1.4878399942115876, -1.6537776079765898}},
		{Haar, []float64{-0.8719649283042795, -1.1006925964714518, -0.3100731025643678}},
		{Special, []float64{-1.5108817891474922, -0.1847771266640325, -0.016445054804887893}},
	} {
		p := New(c.family, len(c.want))
		p.Sigma = 0.5
		if got := sampler[float64](t, p, 1, 1, 1,
			"train").Batch(8).States[p.D:]; !floats.EqualApprox(got, c.want, 1e-12) {
			t.Errorf("%s: s_2 = %v, want %v", c.family, got, c.want)
		}
	}
}

// Who has the key of a block has its generator.
func TestBlockKeyIsThatOfTheBlock(t *testing.T) {
	s := sampler[float64](t, New(Haar, 2), 40, 1, 7, "train")
	for step := range uint64(2) {
		for b := range 3 {
			want := s.rand(step, b).Uint64()
			key := BlockKey(7, "train", step, b)
			if got := rand.NewChaCha8(key).Uint64(); got != want {
				t.Errorf("block %d of step %d begins with %d, want %d", b, step, got, want)
			}
		}
	}
}

func BenchmarkBatch(b *testing.B) {
	for _, c := range []struct {
		name   string
		family Family
		d      int
	}{{"fig5", Haar, 5}, {"fig7", Haar, 10}, {"rotation", Rotation, 10}} {
		b.Run(c.name, func(b *testing.B) {
			s, err := NewSampler[float32](New(c.family, c.d), 1024, 50, 1, "train")
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			step := uint64(0)
			for b.Loop() {
				s.Batch(step)
				step++
			}
		})
	}
}

func BenchmarkInputs(b *testing.B) {
	s, err := NewSampler[float32](New(Haar, 5), 1024, 50, 1, "train")
	if err != nil {
		b.Fatal(err)
	}
	batch := s.Batch(0)
	for b.Loop() {
		if _, err := batch.Inputs(Augmented); err != nil {
			b.Fatal(err)
		}
	}
}
