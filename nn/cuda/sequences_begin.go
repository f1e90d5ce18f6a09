package cuda

// Shapes: as in sequences.go.

import (
	"icar/nn"
	"icar/nn/cuda/ptx"
)

// begin finds the lane's place and the block's memory.
func (s sequences) begin() *stage {
	k := ptx.New(s.name())
	k.Bounds(s.threads(), 1)
	b := &stage{frame: frame{Kernel: k, stride: k.Distance()}, sequences: s}
	b.run, b.number, b.thread = k.Block(ptx.Z), k.Block(ptx.X), k.Thread(ptx.X)
	b.length = ptx.Int(s.time)
	b.warp, b.lane = k.Shr(b.thread, 5), k.And(b.thread, ptx.Int(31))
	ht := s.ht()
	b.member = k.Rem(b.lane, ptx.Int(4*ht))
	b.head, b.query = k.Rem(b.lane, ptx.Int(ht)), k.Div(b.member, ptx.Int(ht))
	b.set = k.Div(b.lane, ptx.Int(4*ht))
	b.k = b.tileOf(b.warp)
	b.i = k.Add(k.Mul(b.k, ptx.Int(4)), b.query)
	b.sequence = k.Add(k.Mul(b.set, ptx.Int(ht)), b.head)
	b.resident()
	b.takeMemory()
	size := 4 * sequencesOf * s.apart()
	b.x, b.weights = k.Ask(size), k.Ask(4*s.weightNumbers())
	b.sums = k.Ask(4 * s.tiles() * s.sumNumbers())
	if s.scratch() {
		b.z, b.v = k.Ask(size), k.Ask(size)
	}
	return b
}

// tileOf is the tile of a warp. A multiprocessor has four schedulers, which have every
// fourth warp, and tile k takes a time of k + 1: tiles are dealt out from the last on, and
// back in every second round.
func (b *stage) tileOf(warp ptx.U32) ptx.U32 {
	round, place := b.Shr(warp, 2), b.And(warp, ptx.Int(3))
	odd := b.Equal(b.And(round, next), next)
	back := b.Both(odd, b.Less(round, ptx.Int(b.tiles()/4)))
	place = b.Pick(back, b.Sub(ptx.Int(3), place), place)
	return b.Sub(ptx.Int(b.tiles()-1), b.Add(b.Mul(round, ptx.Int(4)), place))
}

// resident has the parameters of resident and finds the lane's token of the batch.
func (b *stage) resident() {
	n := b.Number()
	clock, table, from := b.array(), b.array(), b.array()
	place := b.Add(b.Mul(b.number, ptx.Int(sequencesOf)), b.sequence)
	b.live = b.Both(b.Less(place, n), b.Less(b.i, b.length))
	sequence := b.CopyInt(ptx.Int(0))
	b.If(b.live, func() {
		at := b.Add(b.Mul(b.LoadInt(clock, 0), n), place)
		b.AddTo(sequence, b.LoadInt(b.At(table, at, 4), 0))
	})
	b.row = b.Add(b.Mul(sequence, b.length), b.i)
	b.memory.inputs = b.LoadAddress(from, 8*tokens)
	b.memory.targets = b.LoadAddress(from, 8*targets)
}

// takeMemory has the parameters of stageMemory.
func (b *stage) takeMemory() {
	m := &b.memory
	numbers := b.Number()
	b.scale = b.Real()
	block := func(n int) ptx.U64 { return b.At(b.array(), b.number, 4*n) }
	rows := func(n int) ptx.U64 { // of 4 numbers a thread
		return b.At(block(n*b.threads()), b.thread, 16)
	}
	m.w, m.behind, m.p = b.array(), b.array(), b.array()
	slot := func() ptx.U64 {
		return b.At(b.array(), b.Mul(b.number, numbers), 4)
	}
	m.slot, m.slotEnd = slot(), slot()
	if b.product() {
		m.dp = block(b.pack.number())
	} else {
		b.array()
	}
	m.errors = block(1)
	m.tokens, m.y = rows(b.es()), rows(b.keptNumbers())
	m.next, m.dx = rows(padded(b.config.Embed+1)), rows(b.es())
}

// keptNumbers is what a lane keeps of all groups of heads.
func (s sequences) keptNumbers() int {
	return s.groups() * s.ht() * (s.es() + s.statNumbers())
}

// statNumbers is what it keeps of a softmax of one head and sequence: the largest score and
// one over the sum, in a row of 4.
func (s sequences) statNumbers() int {
	if s.softmax() {
		return 4
	}
	return 0
}

// weightNumbers is the room for the layer's weights and, of the last layer, for what of the
// readout the loss knows.
func (s sequences) weightNumbers() int { return s.size + s.outNumbers() }

func (s sequences) outNumbers() int {
	if s.last() {
		return s.config.Coords * s.d1s()
	}
	return 0
}

// copyWeights brings them to shared memory.
func (b *stage) copyWeights() {
	b.copyRows(b.memory.w, 0, b.size, 0)
	b.copyRows(b.memory.behind, b.out, b.outNumbers(), b.size)
}

func (b *stage) copyRows(of ptx.U64, from, n, to int) {
	b.For(b.thread, ptx.Int(n/4), ptx.Int(b.threads()), func(i ptx.U32) {
		v := b.Load4(b.At(of, i, 16), 4*from)
		b.StoreShared4(b.Add(b.weights, b.Mul(i, ptx.Int(16))), 4*to, v)
	})
}

// rowOf reads D weights that are the same for all lanes.
func (b *stage) rowOf(number int) []ptx.F32 {
	return b.sharedRow(b.weights, 4*number, b.config.Embed)
}

// sharedRow reads n numbers of shared memory, which begin at a multiple of 16 bytes.
func (b *stage) sharedRow(at ptx.U32, offset, n int) []ptx.F32 {
	var v []ptx.F32
	for len(v) < n {
		if n-len(v) == 1 {
			v = append(v, b.LoadShared(at, offset+4*len(v)))
			continue
		}
		four := b.LoadShared4(at, offset+4*len(v))
		v = append(v, four[:]...)
	}
	return v[:n]
}

// storeRow writes a row, filled up with zeros, to shared memory.
func (b *stage) storeRow(at ptx.U32, offset int, v []ptx.F32) {
	for c := 0; c < len(v); c += 4 {
		four := [4]ptx.F32{zero, zero, zero, zero}
		copy(four[:], v[c:])
		b.StoreShared4(at, offset+4*c, four)
	}
}

// keep writes x̃ of the lane's token to a tensor of all tokens in shared memory.
func (b *stage) keep(tensor ptx.U32, x []ptx.F32) {
	b.storeRow(b.own(tensor), 0, append(append([]ptx.F32(nil), x...), one))
}

// own is the row of the lane's token in a tensor in shared memory.
func (b *stage) own(tensor ptx.U32) ptx.U32 {
	n := b.Mul(b.sequence, ptx.Int(4*b.apart()))
	return b.Add(tensor, b.Add(n, b.Mul(b.i, ptx.Int(4*b.pitch()))))
}

// write leaves numbers of the lane, in rows of 4.
func (b *stage) write(to ptx.U64, v []ptx.F32) {
	for c := 0; c < len(v); c += 4 {
		four := [4]ptx.F32{zero, zero, zero, zero}
		copy(four[:], v[c:])
		b.Store4(to, 4*c*b.threads(), four)
	}
}

// read returns n that were left.
func (b *stage) read(from ptx.U64, n int) []ptx.F32 {
	var v []ptx.F32
	for len(v) < n {
		four := b.Load4(from, 4*len(v)*b.threads())
		v = append(v, four[:]...)
	}
	return v[:n]
}

// tokens returns x of the lane's token, zeros where there is none.
func (b *stage) tokens() []ptx.F32 {
	c := b.e() - 1
	if !b.first {
		return b.read(b.memory.tokens, c)
	}
	token := zeros(b.Kernel, b.config.Width)
	b.If(b.live, func() {
		at := b.At(b.memory.inputs, b.row, 4*b.config.Width)
		for i := range token {
			b.CopyTo(token[i], b.Load(at, 4*i))
		}
	})
	if b.config.Position != nn.AdditivePosition {
		return token
	}
	row := b.Min(b.i, ptx.Int(b.time-1))
	pos := b.At(b.memory.behind, row, 4*b.ds())
	x := make([]ptx.F32, c)
	for i := range x {
		x[i] = b.Plus(token[i%len(token)], b.Load(pos, 4*i))
	}
	return x
}

// repeated is the token as the skip connection has it, D numbers.
func (b *stage) repeated(x []ptx.F32) []ptx.F32 {
	v := make([]ptx.F32, b.config.Embed)
	for i := range v {
		v[i] = x[i%len(x)]
	}
	return v
}
