package cuda

import "icar/nn/cuda/ptx"

// chacha is the generator of math/rand/v2, ChaCha8Rand (https://c2sp.org/chacha8rand), of a
// thread: a key of 8 words makes four blocks of ChaCha with 8 rounds at a time, whose words
// take turns in the buffer, 32 numbers of 64 bits. After 16 blocks the last four numbers are
// the next key.
//
// The buffer is shared memory, of which a thread has every 32nd word.
type chacha struct {
	*ptx.Kernel
	key     [8]ptx.U32
	counter ptx.U32 // of the blocks in the buffer
	at      ptx.U32 // numbers of the buffer that were taken
	have    ptx.U32 // of how many
	buffer  ptx.U32
}

const (
	generators = 32                // threads of a block, which have a generator each
	word       = 4 * generators    // bytes from a word of a thread's buffer to the next
	kept       = 8                 // words of a key
	buffered   = 2 * 32            // words of the buffer
	perChunk   = 4                 // blocks in it
	chunks     = 16                // blocks of a key
	rekeyed    = buffered - kept   // the first word of the next key
	lastChunk  = chunks - perChunk // whose buffer ends with it
)

// newChacha reads a key in global memory.
func newChacha(k *ptx.Kernel, key ptx.U64) chacha {
	c := chacha{Kernel: k, counter: k.CopyInt(ptx.Int(-perChunk)), at: k.CopyInt(ptx.Int(0)),
		have: k.CopyInt(ptx.Int(0))}
	c.buffer = k.Add(k.Shared(word*buffered), k.Mul(k.Thread(ptx.X), ptx.Int(4)))
	for i := range c.key {
		c.key[i] = k.CopyInt(k.LoadInt(key, 4*i))
	}
	return c
}

// next takes the next number, its lower and its upper half. A kernel has it once, in a loop:
// then the lanes of a warp fill their buffers together.
func (c chacha) next() (low, high ptx.U32) {
	c.If(c.Equal(c.at, c.have), c.fill)
	at := c.Add(c.buffer, c.Mul(c.at, ptx.Int(2*word)))
	c.AddTo(c.at, next)
	return c.LoadSharedInt(at, 0), c.LoadSharedInt(at, word)
}

// fill makes the next four blocks.
func (c chacha) fill() {
	c.AddTo(c.counter, ptx.Int(perChunk))
	c.If(c.Equal(c.counter, ptx.Int(chunks)), func() {
		c.SetTo(c.counter, ptx.Int(0))
		for i, k := range c.key {
			c.SetTo(k, c.LoadSharedInt(c.buffer, (rekeyed+i)*word))
		}
	})
	c.For(ptx.Int(0), ptx.Int(perChunk), next, func(i ptx.U32) {
		to := c.Add(c.buffer, c.Mul(i, ptx.Int(word)))
		for row, v := range c.block(c.Add(c.counter, i)) {
			c.StoreSharedInt(to, row*perChunk*word, v)
		}
	})
	c.SetTo(c.at, ptx.Int(0))
	c.SetTo(c.have, c.Pick(c.Equal(c.counter, ptx.Int(lastChunk)), ptx.Int(rekeyed/2),
		ptx.Int(buffered/2)))
}

// block is a block of ChaCha with 8 rounds. The key is added to its words once more, the
// constants and the counter are not.
func (c chacha) block(counter ptx.U32) (b [16]ptx.U32) {
	copy(b[:], []ptx.U32{ptx.Int(0x61707865), ptx.Int(0x3320646e), ptx.Int(0x79622d32),
		ptx.Int(0x6b206574)})
	copy(b[4:], c.key[:])
	b[12], b[13], b[14], b[15] = counter, ptx.Int(0), ptx.Int(0), ptx.Int(0)
	quarter := func(x, y, z, w int) {
		for _, turn := range [2][2]int{{16, 12}, {8, 7}} {
			b[x] = c.Add(b[x], b[y])
			b[w] = c.Rotate(c.Xor(b[w], b[x]), turn[0])
			b[z] = c.Add(b[z], b[w])
			b[y] = c.Rotate(c.Xor(b[y], b[z]), turn[1])
		}
	}
	const rounds = 8
	for range rounds / 2 {
		for i := range 4 { // columns
			quarter(i, 4+i, 8+i, 12+i)
		}
		for i := range 4 { // diagonals
			quarter(i, 4+(i+1)%4, 8+(i+2)%4, 12+(i+3)%4)
		}
	}
	for i, key := range c.key {
		b[4+i] = c.Add(b[4+i], key)
	}
	return b
}

// uniform is the Float64 of a number: its lower 53 bits, times 2⁻⁵³.
func uniform(k *ptx.Kernel, low, high ptx.U32) ptx.F64 {
	upper := k.WideOf(k.And(high, ptx.Int(1<<21-1)))
	whole := k.FmaWide(upper, k.CopyWide(ptx.Double(1<<32)), k.WideOf(low)) // exactly
	return k.TimesWide(whole, ptx.Double(0x1p-53))
}
