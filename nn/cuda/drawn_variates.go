package cuda

// Shapes: G generators, S sequences of a window, D coordinates, M = D(D+1)/2.

import (
	"encoding/binary"
	"fmt"
	"math"

	"icar/ar"
	"icar/nn/cuda/ptx"
)

// A Haar matrix takes a sign and then 2, 3, …, D normal variates (see haar.go of package ar):
// M numbers. The 16 sequences of a block take theirs from one generator, one after the
// other, so a thread draws for a block.

// strips is the number of strips of the ziggurat.
const strips = 128

// tail is where the lowest strip of the ziggurat ends and the tail begins.
const tail = 3.442619855899

// strip is a strip of the ziggurat of math/rand/v2: numbers j of 31 bits below sure are in it
// and under the curve as j·width, and its top is at height.
type strip struct {
	sure          uint32
	width, height float32
}

// ziggurat returns the strips, which have one area.
//
// Reference: Marsaglia, Tsang, "The ziggurat method for generating random variables", J.
// Stat. Softw. 5(8), 2000.
func ziggurat() (table [strips]strip) {
	const (
		area  = 9.91256303526217e-3
		scale = 1 << 31
	)
	curve := func(x float64) float64 { return math.Exp(-0.5 * x * x) }
	end := tail
	lowest := area / curve(end) // as wide as a rectangle of that area
	table[0] = strip{uint32(end / lowest * scale), float32(lowest / scale), 1}
	table[strips-1] = strip{0, float32(end / scale), float32(curve(end))}
	for i := strips - 2; i >= 1; i-- {
		above := math.Sqrt(-2 * math.Log(area/end+curve(end)))
		table[i+1].sure = uint32(above / end * scale)
		table[i].width, table[i].height = float32(above/scale), float32(curve(above))
		end = above
	}
	return table
}

// stripBytes is the size of a strip in a device's memory, where it has the height of the strip
// before it too.
const stripBytes = 16

// encodeZiggurat is the strips as they are in memory.
func encodeZiggurat() (data []byte) {
	table := ziggurat()
	for i, s := range table {
		before := table[max(i-1, 0)].height
		data = binary.LittleEndian.AppendUint32(data, s.sure)
		data = append(data, encode([]float32{s.width, s.height, before})...)
	}
	return data
}

// variates draws the numbers of Haar matrices, M a sequence.
type variates struct{ d int }

// numbers is M.
func (n variates) numbers() int { return n.d * (n.d + 1) / 2 }

func (n variates) name() string { return fmt.Sprintf("variates_%d", n.d) }

// What a thread takes the next number of its generator for.
const (
	takeSign   = iota // of W_1
	takeNormal        // a strip of the ziggurat and a place in it
	takeWedge         // whether a place beside the sure ones is under the curve
	takeFar           // how far in the tail
	takeDepth         // whether that is under the curve
)

// kernel has the parameters G, N, S, the ziggurat, the keys (G, 8) of all blocks of a step
// after those of the step before, and the numbers (M, S) of the sequences, in float64.
//
// A round of its loop takes one number of the generator, whatever for: so all threads are at
// the same place of their generators.
func (n variates) kernel() *ptx.Kernel {
	k := ptx.New(n.name())
	k.Bounds(generators, 1)
	count, batch, all := k.Number(), k.Number(), k.Number()
	table, keys, out := k.Pointer(), k.Pointer(), k.Pointer()
	g := k.Add(k.Mul(k.Block(ptx.X), ptx.Int(generators)), k.Thread(ptx.X))
	k.ExitUnless(k.Less(g, count))
	blocks := k.Div(k.Add(batch, ptx.Int(ar.BlockSize-1)), ptx.Int(ar.BlockSize))
	first := k.Mul(k.Rem(g, blocks), ptx.Int(ar.BlockSize)) // of the batch
	sequences := k.Min(k.Sub(batch, first), ptx.Int(ar.BlockSize))
	sequence := k.CopyInt(k.Add(k.Mul(k.Div(g, blocks), batch), first))

	t := taking{Kernel: k, table: table, mode: k.CopyInt(ptx.Int(takeSign)),
		value: k.CopyWide(ptx.Double(0)), done: k.CopyInt(ptx.Int(0)),
		strip: k.CopyInt(ptx.Int(0)), place: k.CopyInt(ptx.Int(0))}
	random := newChacha(k, k.At(keys, g, 4*kept))
	number := k.CopyInt(ptx.Int(0)) // of the sequence
	k.For(ptx.Int(0), k.Mul(sequences, ptx.Int(n.numbers())), t.done, func(ptx.U32) {
		low, high := random.next()
		t.take(low, high)
		k.If(k.Equal(t.done, next), func() {
			k.StoreWide(k.At(out, k.Add(k.Mul(number, all), sequence), 8), 0, t.value)
			k.AddTo(number, next)
			last := k.Equal(number, ptx.Int(n.numbers()))
			k.AddTo(sequence, k.Pick(last, next, ptx.Int(0)))
			k.SetTo(number, k.Pick(last, ptx.Int(0), number))
			k.SetTo(t.mode, k.Pick(last, ptx.Int(takeSign), ptx.Int(takeNormal)))
		})
	})
	return k
}

// taking is the state of a thread that makes numbers of a matrix of those of its generator.
type taking struct {
	*ptx.Kernel
	table ptx.U64
	mode  ptx.U32
	value ptx.F64 // so far
	done  ptx.U32 // 1 if it is what is asked for, else 0
	strip ptx.U32 // of the variate
	place ptx.U32 // in it
}

// take goes on by a number, as NormFloat64 of math/rand/v2 does.
func (t taking) take(low, high ptx.U32) {
	mode := t.CopyInt(t.mode)
	t.SetTo(t.done, ptx.Int(0))
	t.If(t.Equal(mode, ptx.Int(takeSign)), func() {
		odd := t.Equal(t.And(low, next), next)
		t.CopyWideTo(t.value, t.ChooseWide(odd, ptx.Double(-1), ptx.Double(1)))
		t.SetTo(t.done, next)
	})
	t.If(t.Equal(mode, ptx.Int(takeNormal)), func() { t.normal(low, high) })
	t.If(t.AtLeast(mode, ptx.Int(takeWedge)), func() { // one time in a hundred
		u := uniform(t.Kernel, low, high)
		t.If(t.Equal(mode, ptx.Int(takeWedge)), func() { t.wedge(u) })
		t.If(t.AtLeast(mode, ptx.Int(takeFar)), func() { t.tail(mode, u) })
	})
}

// normal is a place j in a strip, which mostly is a variate.
func (t taking) normal(low, high ptx.U32) {
	t.SetTo(t.place, low)
	t.SetTo(t.strip, t.And(high, ptx.Int(strips-1)))
	strip := t.At(t.table, t.strip, stripBytes)
	t.CopyWideTo(t.value, t.TimesWide(t.WideOfSigned(low), t.Wide(t.Load(strip, 4))))
	size := t.Pick(t.positive(low), low, t.Sub(ptx.Int(0), low))
	sure := t.Less(size, t.LoadInt(strip, 0))
	lowest := t.Equal(t.strip, ptx.Int(0))
	t.SetTo(t.mode, t.Pick(lowest, ptx.Int(takeFar), ptx.Int(takeWedge))) // if it is none
	t.SetTo(t.done, t.Pick(sure, next, ptx.Int(0)))
}

// positive is whether a number other than 0 is, with its sign.
func (t taking) positive(a ptx.U32) ptx.Pred { return t.Less(a, ptx.Int(1<<31)) }

// wedge is whether a height between those of two strips is under the curve at the value: if
// not, all begins anew. The product is rounded, as Go's compiler has it for amd64 unless it is
// told to fuse (GOAMD64=v3): then a comparison that is close to a draw may come out otherwise.
func (t taking) wedge(u ptx.F64) {
	strip := t.At(t.table, t.strip, stripBytes)
	top, under := t.Load(strip, 8), t.Load(strip, 12)
	height := t.Plus(top, t.Times(t.Narrow(u), t.Minus(under, top)))
	curve := exponentialWide(t.Kernel, t.TimesWide(t.TimesWide(t.value, ptx.Double(-0.5)), t.value))
	t.SetTo(t.done, t.Pick(t.FLess(height, t.Narrow(curve)), next, ptx.Int(0)))
	t.SetTo(t.mode, ptx.Int(takeNormal))
}

// tail makes a variate beyond the strips: x behind their end, if with an exponential y it is
// under the curve, 2y ≥ x².
func (t taking) tail(mode ptx.U32, u ptx.F64) {
	exponential := t.NegativeWide(logarithm(t.Kernel, u))
	t.If(t.Equal(mode, ptx.Int(takeFar)), func() {
		t.CopyWideTo(t.value, t.TimesWide(exponential, ptx.Double(1./tail)))
		t.SetTo(t.mode, ptx.Int(takeDepth))
	})
	t.If(t.Equal(mode, ptx.Int(takeDepth)), func() {
		over := t.LessWide(t.PlusWide(exponential, exponential), t.TimesWide(t.value, t.value))
		t.CopyWideTo(t.value, t.ChooseWide(t.positive(t.place),
			t.PlusWide(t.value, ptx.Double(tail)), t.MinusWide(ptx.Double(-tail), t.value)))
		t.SetTo(t.done, t.Pick(over, ptx.Int(0), next))
		t.SetTo(t.mode, ptx.Int(takeFar)) // if it is none
	})
}
