package emulator_test

import (
	"strings"
	"testing"

	"icar/nn/cuda/device"
	"icar/nn/cuda/ptx"
)

// racing is a kernel that is being written: the address of 64 words that the host
// has written, and the thread.
type racing struct {
	*ptx.Kernel
	memory ptx.U64
	thread ptx.U32
}

// by has one thread of every block do something.
func (r racing) by(thread int, body func()) {
	r.If(r.Equal(r.thread, ptx.Int(thread)), body)
}

// of has one thread of one block do something.
func (r racing) of(block, thread int, body func()) {
	r.If(r.Equal(r.Block(ptx.X), ptx.Int(block)), func() { r.by(thread, body) })
}

func (r racing) read()  { r.Load(r.memory, 0) }
func (r racing) write() { r.Store(r.memory, 0, ptx.Float(1)) }

// TestRaces looks at who uses a word and in which order: what nothing orders is a race,
// whatever the last that was known of the word, and what a barrier orders is none.
func TestRaces(t *testing.T) {
	const none, reads, writes = "", "another thread writes", "another thread uses"
	for name, test := range map[string]struct {
		blocks, threads int
		want            string
		body            func(r racing)
	}{
		"two read, the first writes": {1, 2, writes, func(r racing) {
			r.read()
			r.by(0, r.write)
		}},
		"two read, the last writes": {1, 2, writes, func(r racing) {
			r.read()
			r.by(1, r.write)
		}},
		"a thread reads twice and writes": {1, 1, none, func(r racing) {
			r.read()
			r.read()
			r.write()
		}},
		"a thread reads a pair twice and writes it": {1, 1, none, func(r racing) {
			r.LoadWide(r.memory, 0)
			r.LoadWide(r.memory, 0)
			r.StoreWide(r.memory, 0, ptx.Double(1))
		}},
		"one reads, behind a barrier another one reads and writes": {1, 2, none, func(r racing) {
			r.by(0, r.read)
			r.Barrier()
			r.by(1, r.read)
			r.by(1, r.write)
		}},
		"one reads on both sides of a barrier, where another writes": {1, 2, writes,
			func(r racing) {
				r.by(0, r.read)
				r.Barrier()
				r.by(0, r.read)
				r.by(1, r.write)
			}},
		"many read on both sides of a barrier, where one writes": {1, 64, writes,
			func(r racing) {
				r.read()
				r.Barrier()
				r.read()
				r.by(40, r.write)
			}},
		"one writes, behind a barrier another one reads": {1, 2, none, func(r racing) {
			r.by(0, r.write)
			r.Barrier()
			r.by(1, r.read)
		}},
		"one writes, behind a barrier another one writes": {1, 2, none, func(r racing) {
			r.by(0, r.write)
			r.Barrier()
			r.by(1, r.write)
		}},
		"two blocks read, the last writes": {2, 1, writes, func(r racing) {
			r.read()
			r.of(1, 0, r.write)
		}},
		"two blocks read, the last reads again and writes": {2, 2, writes, func(r racing) {
			r.read()
			r.Barrier()
			r.of(1, 1, r.read)
			r.of(1, 1, r.write)
		}},
		"a warp reads a word, its first lane writes": {1, 32, writes, func(r racing) {
			r.read()
			r.by(0, r.write)
		}},
		"a warp reads a word, its last lane writes": {1, 32, writes, func(r racing) {
			r.read()
			r.by(31, r.write)
		}},
		"a warp reads a row, a lane writes its own word": {1, 32, none, func(r racing) {
			r.Load(r.At(r.memory, r.thread, 4), 0)
			r.Store(r.At(r.memory, r.thread, 4), 0, ptx.Float(1))
		}},
		"a warp reads a row, the first lane writes the next one's word": {1, 32, writes,
			func(r racing) {
				r.Load(r.At(r.memory, r.thread, 4), 0)
				r.by(0, func() { r.Store(r.memory, 4, ptx.Float(1)) })
			}},
		"a lane writes its word, a warp reads the row": {1, 32, reads, func(r racing) {
			r.by(5, func() { r.Store(r.memory, 4*5, ptx.Float(1)) })
			r.Load(r.At(r.memory, r.thread, 4), 4)
		}},
		"a lane writes a word, a warp reads it": {1, 32, reads, func(r racing) {
			r.by(0, r.write)
			r.read()
		}},
		"one reads the third of four, another writes the four": {1, 2, writes, func(r racing) {
			r.by(0, func() { r.Load(r.memory, 8) })
			one := ptx.Float(1)
			r.by(1, func() { r.Store4(r.memory, 0, [4]ptx.F32{one, one, one, one}) })
		}},
		"one reads a pair, another writes its second half": {1, 2, writes, func(r racing) {
			r.by(0, func() { r.LoadWide(r.memory, 0) })
			r.by(1, func() { r.Store(r.memory, 4, ptx.Float(1)) })
		}},
	} {
		r := racing{Kernel: ptx.New("races")}
		r.memory, r.thread = r.Pointer(), r.Thread(ptx.X)
		r.Load(r.memory, 4*63) // so that the memory is known from now on, as a rule it is
		test.body(r)
		c := load(t, r.Kernel)
		err := c.launch(test.blocks, test.threads, device.Address(c.memory(t,
			make([]uint32, 64)...), 0))
		switch {
		case test.want == none && err != nil:
			t.Errorf("%s: this is no race, the error is %v", name, err)
		case test.want != none && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: the error is %v, want %q", name, err, test.want)
		}
	}
}

// TestWholeWarpsAreWatched checks that a warp of which all lanes load, a number each or all
// the same, is told which lane has no memory there, and what is not aligned.
func TestWholeWarpsAreWatched(t *testing.T) {
	row := func(k *ptx.Kernel, p ptx.U64) ptx.U64 { return k.At(p, k.Thread(ptx.X), 4) }
	same := func(_ *ptx.Kernel, p ptx.U64) ptx.U64 { return p }
	for _, test := range []struct {
		what   string
		from   func(k *ptx.Kernel, p ptx.U64) ptx.U64
		offset int
		want   string
	}{
		{"a row", row, 4 * 32, ""}, {"a number", same, 4 * 63, ""},
		{"a row, the last behind the end", row, 4 * 33, "thread [31 0 0], line"},
		{"a row between two words", row, 2, "is no multiple of 4"},
		{"a row, the first before the beginning", row, -4, "thread [0 0 0], line"},
		{"a number behind the end", same, 4 * 64, "are nobody's"},
		{"a number between two words", same, 2, "is no multiple of 4"},
	} {
		k := ptx.New("watched")
		first, p := k.Pointer(), k.Pointer()
		k.Load(first, 0) // so that the memory is known from now on
		k.Load(test.from(k, p), test.offset)
		c := load(t, k)
		at := c.memory(t, make([]uint32, 64)...)
		c.memory(t, make([]uint32, 64)...) // which may not be taken for what is before it
		err := c.launch(1, 32, device.Address(at, 0), device.Address(at, 0))
		if test.want == "" && err != nil || test.want != "" && (err == nil ||
			!strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: the error is %v, want %q", test.what, err, test.want)
		}
	}
}
