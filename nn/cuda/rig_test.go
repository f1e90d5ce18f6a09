package cuda_test

import (
	"context"
	"math"
	"testing"

	"icar/ar"
	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
)

type (
	model = *nn.Transformer[float32]
	batch = nn.Batch[float32]
)

// rich is a model that has every part but split heads.
func rich() nn.Config {
	return nn.Config{
		Width: 2, Embed: 4, Depth: 2, Heads: 2, Attention: nn.SoftmaxAttention, Norm: true,
		Residual: true, MLP: 2, Activation: nn.GELU, MLPNorm: true, FinalNorm: true,
		Position: nn.ProductPosition, Length: 5, Coords: 2,
	}
}

// foldedCase is one whose heads are folded, and manyHeads one whose heads are pairs.
func foldedCase() nn.Config {
	c := rich()
	c.MLPNorm, c.FinalNorm, c.Depth, c.Heads, c.Activation = false, false, 1, 3, ""
	return c
}

func manyHeads() nn.Config {
	c := foldedCase()
	c.Attention, c.MLP, c.Heads = nn.LinearAttention, 0, 41
	return c
}

func newModel(t *testing.T, c nn.Config, seed uint64) model {
	t.Helper()
	m, err := nn.New[float32](c, seed)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// draw returns batches of n sequences.
func draw(c nn.Config, batches, n int, seed uint64) []batch {
	r := ar.Rand(seed, "cuda test", 0)
	list := make([]batch, batches)
	for i := range list {
		x, y := make([]float32, n*c.Length*c.Width), make([]float32, n*c.Length*c.Coords)
		for _, s := range [][]float32{x, y} {
			for j := range s {
				s[j] = float32(r.NormFloat64())
			}
		}
		list[i] = batch{N: n, T: c.Length, X: x, Y: y}
	}
	return list
}

// of is the batch of sequences of a set.
func of(set batch, sequences []int) batch {
	b := batch{N: len(sequences), T: set.T}
	x, y := len(set.X)/set.N, len(set.Y)/set.N
	for _, s := range sequences {
		b.X = append(b.X, set.X[s*x:(s+1)*x]...)
		b.Y = append(b.Y, set.Y[s*y:(s+1)*y]...)
	}
	return b
}

// joined is batches as a set, and the sequences of each in it.
func joined(batches []batch) (set batch, order [][]int) {
	set.T = batches[0].T
	for _, b := range batches {
		var of []int
		for i := range b.N {
			of = append(of, set.N+i)
		}
		set.N, set.X, set.Y = set.N+b.N, append(set.X, b.X...), append(set.Y, b.Y...)
		order = append(order, of)
	}
	return set, order
}

// hold brings batches to a device as a set.
func hold(t *testing.T, d device.Device, batches []batch) (*cuda.Set, [][]int) {
	t.Helper()
	all, order := joined(batches)
	set, err := cuda.Hold(context.Background(), d, all)
	if err != nil {
		t.Fatal(err)
	}
	return set, order
}

// bits are the bits of tensors.
func bits(tensors ...nn.Tensor[float32]) (b []uint32) {
	for _, t := range tensors {
		for _, v := range t.Data {
			b = append(b, math.Float32bits(v))
		}
	}
	return b
}

func stateOf(t *testing.T, m model) []nn.Tensor[float32] {
	t.Helper()
	o, err := nn.NewOptimiser(nn.AdamName, m.Parameters())
	if err != nil {
		t.Fatal(err)
	}
	return o.State()
}

// all32 are the bits of a model and of the state of its optimiser.
func all32(m model, state []nn.Tensor[float32]) []uint32 {
	return bits(append(nn.Tensors(m.Parameters()), state...)...)
}
