package cuda

// Shapes: N batch, B blocks of 8 sequences, T time, K tiles of 4 tokens, C coords,
// c width, D embed, H heads, E folded input.

import (
	"fmt"

	"icar/nn"
	"icar/nn/cuda/ptx"
)

// A layer of folded heads is one kernel forward and one back, and the last is both: what
// comes of a sequence needs no other sequence, so a block takes 8 of them from their
// tokens to their gradients, with the tokens in shared memory and the rest in registers.
// Only sums over sequences leave the block: it writes its own to a slot.
//
// # Threads
//
// A warp has a tile of 4 tokens i. Its lanes are these tokens, by HT heads, by 8/HT
// groups of HT sequences; a lane goes through the HT sequences of its group, for its
// token and its head:
//
//	lane = (group·4 + token)·HT + head,   HT a power of two up to 8
//
// So a key x̃_j is one address for all lanes of a group, four coordinates come by one
// load, and a p_ij is used for all sequences of the lane. Where heads end, in the output of
// the layer, each lane goes on with one token of one sequence, that of the group whose
// number is the lane's head: what the lanes of a group have of the HT sequences is summed
// while it is shared out, so that no lane does what another does.
//
// Keys j come in a loop up to the tile's first token, in which no lane has to ask whether
// j ≤ i, and then four more.
//
// # Mates
//
// What a lane reads of shared memory costs it as much as two products with it, so it is to use
// it twice. Where HT is more than 1, a row of weights serves all sequences of a lane. Where
// it is 1, two lanes whose numbers differ by one are mates: each does the tokens of both, for
// the keys of its parity, and on the way back to the keys for the queries of its parity. Of
// an MLP on the way forward all lanes are mates, for hidden units. Then each gives its mate
// what it has of the other's token, and adds what it gets.
//
// # Layers below the last
//
// leave what enters the readout of their heads, y, and their tokens, and are run through
// again backwards. The gradient of a token as a key runs over the queries i ≥ j, whose z
// and v are in shared memory by then. That is built for one head.

// sequencesOf is the number of sequences of a block.
const sequencesOf = 8

// pass is what a kernel does of a layer.
type pass int

const (
	passForward  pass = iota
	passTurn          // of the last layer: forward, the loss, and back
	passBackward      // again, from what the forward left
)

// sequences is the kernel of a layer. Layers that are alike have one, also those of models
// of other depth and of batches of other size: a driver takes a second to compile it.
type sequences struct {
	config nn.Config
	time   int // T
	pass   pass
	first  bool        // the layer has the tokens of the batch
	here   foldedLayer // where its weights lie, from the first of them on
	size   int         // their number
	out    int         // where the readout lies in what is behind all layers
	pack   packing
}

// sequencesFor is the kernel of layer l.
func sequencesFor(c nn.Config, where folded, l int, pass pass, t int) sequences {
	here, end := where.layer(l), where.behind(c)
	if l+1 < len(where.layers) {
		end = where.layer(l + 1).m
	}
	s := sequences{config: c, time: t, pass: pass, first: l == 0, size: end - here.m,
		out: where.out - where.behind(c), pack: packing{c.Heads, together(c.Heads, here.e), t}}
	for _, at := range []*int{&here.u, &here.o, &here.gamma, &here.beta, &here.up, &here.down,
		&here.downBias, &here.m} {
		*at -= here.m
	}
	s.here = here
	return s
}

// behind is where the layers end: position vectors, if any, and the readout follow.
func (f folded) behind(c nn.Config) int {
	if c.Position == nn.AdditivePosition {
		return f.pos
	}
	return f.out
}

// mostLength is the largest T: a warp has 4 tokens, and with more than 16 warps a thread
// would have too few registers.
const mostLength = 64

// mostFolded is the largest E, and mostVector that of the numbers of a vector over the
// sequences of a lane: there are three of them in registers.
const (
	mostFolded = 16
	mostVector = 24
)

// together is HT.
func together(heads, e int) int {
	ht := 8
	for ht > 1 && (ht > heads || ht*e > mostVector) {
		ht /= 2
	}
	return ht
}

func (s sequences) last() bool { return s.pass == passTurn }

// inner returns whether the gradient of the layer's tokens is asked for.
func (s sequences) inner() bool {
	return !s.first || s.config.Position == nn.AdditivePosition
}

func (s sequences) e() int       { return s.here.e }
func (s sequences) es() int      { return padded(s.e()) }
func (s sequences) ds() int      { return padded(s.config.Embed) }
func (s sequences) d1s() int     { return padded(s.config.Embed + 1) }
func (s sequences) ht() int      { return s.pack.together }
func (s sequences) groups() int  { return s.pack.groups() }
func (s sequences) tiles() int   { return s.pack.tiles() }
func (s sequences) threads() int { return 32 * s.tiles() }

func (s sequences) softmax() bool { return s.config.Attention == nn.SoftmaxAttention }
func (s sequences) product() bool { return s.config.Position == nn.ProductPosition }
func (s sequences) hidden() int   { return s.config.MLP * s.config.Embed }

// apart is the distance of sequences in shared memory, in numbers: a multiple of 32 and 4
// more, so that the same place of 8 sequences is in 8 other quarters of the banks.
func (s sequences) apart() int { return (4*s.tiles()*s.pitch()+31)/32*32 + 4 }

// pitch is the distance of tokens in shared memory, in numbers: there are also vectors of
// D numbers, where there are scratch tensors.
func (s sequences) pitch() int {
	switch {
	case s.hidden() > 0:
		return max(s.es(), s.d1s())
	case s.scratch():
		return max(s.es(), s.ds())
	}
	return s.es()
}

// scratch returns whether there are two tensors more in shared memory, for sums of
// products of rows, and for what queries give their keys.
func (s sequences) scratch() bool {
	return s.pass != passForward && (s.ht() == 1 || s.hidden() > 0)
}

func (s sequences) name() string {
	return fmt.Sprintf("sequences_%d_%t", s.pass, s.first)
}

// stage is a kernel of sequences that is being written.
type stage struct {
	frame
	sequences
	number           ptx.U32 // of the block
	thread, warp     ptx.U32
	member           ptx.U32 // token·HT + head: the place of a p among those of a key
	head, query, set ptx.U32 // of the lane: head, token of the tile, group of sequences
	i, sequence      ptx.U32 // of the lane, behind the heads; sequence of the block
	k                ptx.U32 // tile
	live             ptx.Pred
	row              ptx.U32 // of the batch
	scale            ptx.F32 // of the gradient of the loss
	x, weights, sums ptx.U32 // shared memory
	z, v             ptx.U32 // scratch tensors there
	memory           stageMemory
	ends             []ending
}

// stageMemory is global memory.
type stageMemory struct {
	inputs, targets ptx.U64 // of the step
	w, behind       ptx.U64 // weights of the layer, and behind all layers
	p               ptx.U64 // packed
	slot, slotEnd   ptx.U64 // gradients of those, of the block
	dp              ptx.U64 // packed, of the block
	errors          ptx.U64 // (B)
	tokens, y       ptx.U64 // of the layer, as it leaves them
	next            ptx.U64 // tokens of the layer above, or their gradient
	dx              ptx.U64 // gradient of the layer's tokens
}

// kernel has the parameters the distance of runs, those of resident for tokens and
// targets, F, the scale of the loss's gradient, then what stageMemory lists from w on.
func (s sequences) kernel() *ptx.Kernel {
	b := s.begin()
	x := b.tokens()
	b.keep(b.x, x)
	b.copyWeights()
	b.Barrier()
	skip := b.repeated(x)
	o := b.rowOf(b.here.o)
	var kept heads
	b.eachGroup(func(g ptx.U32) { kept = b.forward(g, o) })
	t := b.above(o, skip)
	if s.pass == passForward {
		b.write(b.memory.next, t.out)
		return b.Kernel
	}
	dOut := b.gradientOfOutput(t)
	dSkip, g := b.below(t, dOut)
	if b.hidden() > 0 { // whose sums have taken the place of the tokens
		b.keep(b.x, x) // that others look at behind the barriers of the sums of heads
	}
	dx := b.backward(kept, x, g)
	if b.inner() {
		if s.config.Residual {
			for c := range dx {
				dx[c] = b.Plus(dx[c], dSkip[c])
			}
		}
		b.leave(dx)
	}
	b.finishSums()
	return b.Kernel
}
