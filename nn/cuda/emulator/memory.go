package emulator

import (
	"encoding/binary"
	"fmt"
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
		return compareUint(r.base, a)
	})
	if !exact {
		i--
	}
	if i < 0 || !m.regions[i].holds(address, size) {
		return nil
	}
	return m.regions[i]
}

func compareUint(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
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
	parts := strings.Split(name, ".")
	load, shared := parts[0] == "ld", len(parts) > 1 && parts[1] == "shared"
	if !slices.Contains([]string{"global", "shared"}, parts[1]) || len(list) != 2 {
		return nil, fmt.Errorf("there is no instruction %s here", name)
	}
	count := 1
	if parts = parts[2:]; len(parts) == 2 {
		count, _ = strconv.Atoi(strings.TrimPrefix(parts[0], "v"))
		parts = parts[1:]
	}
	kind, ok := map[string]byte{"f32": narrow, "u32": narrow, "b32": narrow, "f64": wide,
		"u64": wide, "b64": wide}[parts[len(parts)-1]]
	if !ok || len(parts) != 1 || !slices.Contains([]int{1, 2, 4}, count) {
		return nil, fmt.Errorf("there is no instruction %s here", name)
	}
	if !load {
		slices.Reverse(list)
	}
	values := operands(strings.Trim(list[0], "{}"))
	rows, err := p.all(values, strings.Repeat(string(kind), count))
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
		var r *region
		if t.shared {
			r = w.block.shared
		}
		for l := range lanes(on) {
			var at uint64
			if t.shared {
				at = uint64(w.narrow[t.base][l]) + t.offset
			} else {
				at = w.wide[t.base][l] + t.offset
			}
			if !r.holds(at, size) {
				if !t.shared {
					r = w.block.device.memory.find(at, size)
				}
				if !r.holds(at, size) {
					w.fault(l, "%d bytes at address %#x are nobody's", size, at)
				}
			}
			if at%uint64(size) != 0 {
				w.fault(l, "address %#x is no multiple of %d", at, size)
			}
			t.note(w, r, l, int(at-r.base)/4, size/4)
			t.move(w, r.data[at-r.base:], l)
		}
	}
}

// note looks after the words of an access, first to first+count-1.
func (t transfer) note(w *warp, r *region, l, first, count int) {
	a := access{w.block.time, w.block.epoch, w.thread(l)}
	if t.shared {
		a.time = w.block.number
	}
	for i := first; i < first+count; i++ {
		s := &r.words[i]
		if !t.load {
			if s.store(a) {
				w.fault(l, "it writes address %#x, which another thread uses, and nothing is between",
					r.base+4*uint64(i))
			}
			continue
		}
		if s.written == 0 || t.shared && s.written != a.time {
			w.fault(l, "it reads address %#x, to which nothing was written", r.base+4*uint64(i))
		}
		if s.load(a) {
			w.fault(l, "it reads address %#x, which another thread writes, and nothing is between",
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
