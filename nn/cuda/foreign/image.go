package foreign

import (
	"encoding/binary"
)

// loader is glibc's dynamic linker, which the kernel starts for the worker.
const loader = "/lib64/ld-linux-x86-64.so.2"

// Where the worker finds what it shares with this program.
const (
	memoryFile = 3
	socketFile = 4
)

// imports are the functions that the worker is linked to, in the order of its table of
// addresses. All others it finds by dlsym.
var imports = []string{"__libc_start_main", "dlopen", "dlsym"}

// libraries are those that have them: dlopen was in libdl before glibc 2.34, and libdl
// is still there, empty.
var libraries = []string{"libc.so.6", "libdl.so.2"}

// The two halves of the executable in memory: code and what the linker reads; the dynamic
// section and the table of addresses, which the linker writes to.
const (
	page       = 0x1000
	headerSize = 64
	entrySize  = 56 // of a program header
	segments   = 6
	symbolSize = 24
	relocSize  = 24
)

// image returns the worker: an ELF executable for amd64 that interp loads.
//
// Reference: System V ABI, generic part, chapters 4 and 5 (headers, dynamic linking), and
// its AMD64 supplement, version 1.0, chapters 4 and 5.
func image(interp string) []byte {
	var b section
	b.skip(headerSize + segments*entrySize)
	interpAt := b.text(interp)

	// Symbol 0 is none; the others are imported: global functions of no section.
	names, at := "\x00", map[string]int{}
	for _, name := range append(append([]string{}, imports...), libraries...) {
		at[name] = len(names)
		names += name + "\x00"
	}
	symbols := b.align(8)
	b.skip(symbolSize)
	for _, name := range imports {
		b.words32(uint32(at[name]), 0x12) // its name; STB_GLOBAL, STT_FUNC
		b.words64(0, 0)
	}
	// A hash table in which nothing is found: nobody imports from here.
	hash := b.align(8)
	b.words32(1, uint32(len(imports)+1), 0)
	b.skip(4 * (len(imports) + 1))
	strings := b.text(names)

	relocations := b.align(8)
	table := page + 16*(len(libraries)+10) // after the dynamic section, see below
	for i := range imports {
		const globDat = 6 // R_X86_64_GLOB_DAT: the address of a symbol
		b.words64(uint64(table+8*i), uint64(i+1)<<32|globDat, 0)
	}
	entry := b.align(16)
	b = append(b, machine(entry, table)...)
	code := len(b)

	b.skip(page - len(b))
	for _, name := range libraries {
		b.words64(1, uint64(at[name])) // DT_NEEDED
	}
	for _, tag := range [][2]int{
		{4, hash}, {5, strings}, {6, symbols}, {7, relocations}, {8, relocSize * len(imports)},
		{9, relocSize}, {10, len(names)}, {11, symbolSize}, {24, 0}, // DT_HASH … DT_BIND_NOW
		{0, 0},
	} {
		b.words64(uint64(tag[0]), uint64(tag[1]))
	}
	dynamic := len(b) - page
	b.skip(8 * len(imports))
	header(b, entry, code, dynamic, interpAt, len(interp)+1)
	return b
}

// header writes the ELF header and the program headers.
func header(b section, entry, code, dynamic, interpAt, interpSize int) {
	var h section
	h = append(h, "\x7fELF\x02\x01\x01"...) // 64 bits, little endian, version 1
	h.skip(9)                               // System V
	h.words32(62<<16|3, 1)                  // ET_DYN: anywhere in memory; EM_X86_64
	h.words64(uint64(entry), headerSize, 0) // no sections: nothing is to be linked
	h.words32(0, entrySize<<16|headerSize)  // flags; sizes of the headers
	h.words32(segments, 0)                  // and how many there are
	const exec, write, read, loadable = 1, 2, 4, 1
	for _, s := range []struct{ kind, flags, at, size, align int }{
		// PT_PHDR, from which the linker finds where the kernel has put the whole.
		{6, read, headerSize, segments * entrySize, 8},
		{3, read, interpAt, interpSize, 1}, // PT_INTERP
		{loadable, read | exec, 0, code, page},
		{loadable, read | write, page, len(b) - page, page},
		{2, read | write, page, dynamic, 8},  // PT_DYNAMIC
		{0x6474e551, read | write, 0, 0, 16}, // PT_GNU_STACK: no code on the stack
	} {
		h.words32(uint32(s.kind), uint32(s.flags))
		h.words64(uint64(s.at), uint64(s.at), uint64(s.at), uint64(s.size), uint64(s.size),
			uint64(s.align))
	}
	copy(b, h)
}

// section is a part of a file that grows.
type section []byte

func (s *section) skip(n int) { *s = append(*s, make([]byte, n)...) }

// align fills up to a multiple of n and returns where that is.
func (s *section) align(n int) int {
	s.skip((n - len(*s)%n) % n)
	return len(*s)
}

// text appends a string with a zero after it and returns where it is.
func (s *section) text(t string) int {
	at := len(*s)
	*s = append(append(*s, t...), 0)
	return at
}

func (s *section) words32(values ...uint32) {
	for _, v := range values {
		*s = binary.LittleEndian.AppendUint32(*s, v)
	}
}

func (s *section) words64(values ...uint64) {
	for _, v := range values {
		*s = binary.LittleEndian.AppendUint64(*s, v)
	}
}
