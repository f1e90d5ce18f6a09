package emulator

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"icar/nn/cuda/device"
)

// Addresses: shared memory begins at sharedBase, so that 0 is none, and global
// memory at globalBase. Between allocations lie gap bytes that nobody has.
const (
	sharedBase = 1 << 10
	globalBase = 1 << 32
	alignment  = 256
	gap        = 1 << 12
)

// region is memory from base on, with what is known about its words.
type region struct {
	base  uint64
	bytes int
	data  []byte // bytes, rounded up to whole words
	words []shadow
}

func newRegion(base uint64, bytes int) *region {
	words := (bytes + 3) / 4
	return &region{base, bytes, make([]byte, 4*words), make([]shadow, words)}
}

// holds returns whether size bytes at address lie in r.
func (r *region) holds(address uint64, size int) bool {
	return r != nil && address >= r.base && address-r.base+uint64(size) <= uint64(r.bytes)
}

// memory is the global memory of a card.
type memory struct {
	regions []*region // by address
	used    int
}

// find returns the region that has size bytes at address, or nil.
func (m *memory) find(address uint64, size int) *region {
	i, exact := slices.BinarySearchFunc(m.regions, address, func(r *region, a uint64) int {
		return cmp.Compare(r.base, a)
	})
	if !exact {
		i--
	}
	if i < 0 || !m.regions[i].holds(address, size) {
		return nil
	}
	return m.regions[i]
}

// alloc returns the address of new memory.
func (m *memory) alloc(bytes int) device.Pointer {
	base := uint64(globalBase)
	if n := len(m.regions); n > 0 {
		last := m.regions[n-1]
		base = (last.base + uint64(last.bytes) + gap + alignment - 1) &^ (alignment - 1)
	}
	m.regions = append(m.regions, newRegion(base, bytes))
	m.used += bytes
	return device.Pointer(base)
}

// free releases the memory that alloc returned at p, and returns whether it had.
func (m *memory) free(p device.Pointer) bool {
	i := slices.IndexFunc(m.regions, func(r *region) bool { return r.base == uint64(p) })
	if i < 0 {
		return false
	}
	m.used -= m.regions[i].bytes
	m.regions = slices.Delete(m.regions, i, i+1)
	return true
}

// access is an instruction that reads or writes memory:
//
//	ld.global.f32 %f1, [%a1+4];  st.shared.v2.f32 [%r1], {%f1, %f2};
func (p *parser) access(name string, list []string) (step, error) {
	parts := strings.Split(name, ".") // ld or st, the space, perhaps v2 or v4, the type
	load, shared := parts[0] == "ld", parts[1] == "shared"
	count := 1
	if len(parts) == 4 {
		count = map[string]int{"v2": 2, "v4": 4}[parts[2]]
		parts = slices.Delete(parts, 2, 3)
	}
	kind, ok := map[string]byte{"f32": narrow, "u32": narrow, "b32": narrow, "f64": wide,
		"u64": wide, "b64": wide}[parts[len(parts)-1]]
	if !ok || count == 0 || len(parts) != 3 || len(list) != 2 || !shared && parts[1] != "global" {
		return nil, fmt.Errorf("there is no instruction %s here", name)
	}
	if !load {
		slices.Reverse(list)
	}
	values := operands(strings.Trim(list[0], "{}"))
	rows, err := p.registers(values, strings.Repeat(string(kind), count))
	if err != nil {
		return nil, err
	}
	register, plus, _ := strings.Cut(strings.Trim(list[1], "[]"), "+")
	offset := 0
	if plus != "" {
		if offset, err = strconv.Atoi(plus); err != nil {
			return nil, fmt.Errorf("%s is no address", list[1])
		}
	}
	space := wide
	if shared {
		space = narrow
	}
	base, err := p.operand(register, space)
	if err != nil {
		return nil, err
	}
	t := transfer{load, shared, kind == wide, base, uint64(offset), rows}
	return t.step(), nil
}

// transfer is a load or store of rows, which lie one after the other in memory.
type transfer struct {
	load, shared, wide bool
	base               int // row of the address
	offset             uint64
	rows               []int
}

func (t transfer) step() step {
	unit := 4
	if t.wide {
		unit = 8
	}
	size := unit * len(t.rows)
	return func(w *warp, on uint32) {
		if size == 4 && t.load && !t.shared && on == everyLane && t.line(w) {
			return
		}
		b := w.block
		a := access{time: b.time, epoch: b.epoch}
		r := b.last // the region of the access before: mostly that of this one
		if t.shared {
			r, a.time = b.shared, b.number
		}
		for m := on; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			var at uint64
			if t.shared {
				at = uint64(w.narrow[t.base][l]) + t.offset
			} else {
				at = w.wide[t.base][l] + t.offset
			}
			if !r.holds(at, size) {
				if !t.shared {
					r = b.device.memory.find(at, size)
					b.last = r
				}
				if !r.holds(at, size) {
					w.fault(l, "%d bytes at address %#x are nobody's", size, at)
				}
			}
			if at&uint64(size-1) != 0 {
				w.fault(l, "address %#x is no multiple of %d", at, size)
			}
			a.thread = w.thread(l)
			first := int(at-r.base) / 4
			if size == 4 && t.load {
				if !r.words[first].noted(a) {
					t.note(w, r, l, a, first, 1)
				}
				w.narrow[t.rows[0]][l] = binary.LittleEndian.Uint32(r.data[at-r.base:])
				continue
			}
			t.note(w, r, l, a, first, size/4)
			t.move(w, r.data[at-r.base:], l)
		}
	}
}

// line loads what most loads are, quickly: 32 numbers in a row, or one for all lanes. It
// returns false where that is not so, or where something is wrong.
func (t transfer) line(w *warp) bool {
	at, r := &w.wide[t.base], w.block.last
	first, apart := at[0], at[1]-at[0]
	if apart != 0 && apart != 4 {
		return false
	}
	for l, a := range at {
		if a != first+uint64(l)*apart {
			return false
		}
	}
	first += t.offset
	if !r.holds(first, 4+31*int(apart)) || first&3 != 0 {
		return false
	}
	a := access{w.block.time, w.block.epoch, w.thread(0)}
	index, to := int(first-r.base)/4, &w.narrow[t.rows[0]]
	if apart == 0 {
		for l := 0; l < 32; l += 31 { // as good as all of them: more than one thread
			a.thread = w.thread(l)
			if !r.words[index].noted(a) {
				t.note(w, r, l, a, index, 1)
			}
		}
		v := binary.LittleEndian.Uint32(r.data[4*index:])
		for l := range to {
			to[l] = v
		}
		return true
	}
	words, data := r.words[index:][:32], r.data[4*index:][:4*32]
	for l := range words {
		if !words[l].noted(a) {
			t.note(w, r, l, a, index+l, 1)
		}
		a.thread++
		to[l] = binary.LittleEndian.Uint32(data[4*l:])
	}
	return true
}

// note looks after the words of an access, first to first+count-1.
func (t transfer) note(w *warp, r *region, l int, a access, first, count int) {
	for i := first; i < first+count; i++ {
		s := &r.words[i]
		if !t.load {
			if s.store(a) {
				w.fault(l, "it writes address %#x, which another thread uses, nothing is between",
					r.base+4*uint64(i))
			}
			continue
		}
		if s.written == 0 || t.shared && s.written != a.time {
			w.fault(l, "it reads address %#x, to which nothing was written", r.base+4*uint64(i))
		}
		if s.load(a) {
			w.fault(l, "it reads address %#x, which another thread writes, nothing is between",
				r.base+4*uint64(i))
		}
	}
}

// move copies between memory and the registers of lane l.
func (t transfer) move(w *warp, data []byte, l int) {
	for i, row := range t.rows {
		switch {
		case t.wide && t.load:
			w.wide[row][l] = binary.LittleEndian.Uint64(data[8*i:])
		case t.wide:
			binary.LittleEndian.PutUint64(data[8*i:], w.wide[row][l])
		case t.load:
			w.narrow[row][l] = binary.LittleEndian.Uint32(data[4*i:])
		default:
			binary.LittleEndian.PutUint32(data[4*i:], w.narrow[row][l])
		}
	}
}
