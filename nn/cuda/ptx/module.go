package ptx

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The header names the oldest architecture with independent threads, Volta: later
// ones run its kernels too.
const header = ".version 6.4\n.target sm_70\n.address_size 64\n"

// Operands: a register, or a constant, which Int, Long, Float and Double make.
type (
	// F32 is a float32.
	F32 string
	// F64 is a float64.
	F64 string
	// U32 is a number of 32 bits, without a sign where that matters.
	U32 string
	// U64 is an address, or a distance of addresses.
	U64 string
	// Pred is a truth value.
	Pred string
)

// Int is the constant v.
func Int(v int) U32 { return U32(fmt.Sprint(v)) }

// Long is the constant v of 64 bits.
func Long(v int) U64 { return U64(fmt.Sprint(v)) }

// Float is the constant v, bit by bit.
func Float(v float32) F32 { return F32(fmt.Sprintf("0f%08X", math.Float32bits(v))) }

// Double is the constant v, bit by bit.
func Double(v float64) F64 { return F64(fmt.Sprintf("0d%016X", math.Float64bits(v))) }

// Kernel is an entry that is being written.
type Kernel struct {
	name     string
	params   []string
	shared   int // bytes, known when it is compiled
	asked    int // bytes, asked for at the launch
	bounds   string
	body     strings.Builder
	declared [len(banks)]int
	labels   int
}

// banks are the kinds of registers: prefix of the names and type of declaration.
var banks = [...]struct{ prefix, kind string }{
	{"%f", ".f32"}, {"%d", ".f64"}, {"%r", ".b32"}, {"%a", ".b64"}, {"%p", ".pred"},
}

// New begins a kernel of that name.
func New(name string) *Kernel { return &Kernel{name: name} }

// Name returns the kernel's name.
func (k *Kernel) Name() string { return k.name }

// Text returns a module of kernels.
func Text(kernels ...*Kernel) string {
	var b strings.Builder
	b.WriteString(header)
	if slices.ContainsFunc(kernels, func(k *Kernel) bool { return k.asked > 0 }) {
		b.WriteString("\n.extern .shared .align 16 .b8 asked[];\n")
	}
	for _, k := range kernels {
		params := strings.Join(k.params, ",\n\t")
		fmt.Fprintf(&b, "\n.visible .entry %s(\n\t%s\n)\n%s{\n", k.name, params, k.bounds)
		for i, bank := range banks {
			if n := k.declared[i]; n > 0 {
				fmt.Fprintf(&b, "\t.reg %s %s<%d>;\n", bank.kind, bank.prefix, n)
			}
		}
		if k.shared > 0 {
			fmt.Fprintf(&b, "\t.shared .align 16 .b8 memory[%d];\n", k.shared)
		}
		b.WriteString(k.body.String())
		b.WriteString("\tret;\n}\n")
	}
	return b.String()
}

// register returns a new register of a bank.
func (k *Kernel) register(bank int) string {
	k.declared[bank]++
	return fmt.Sprintf("%s%d", banks[bank].prefix, k.declared[bank]-1)
}

func (k *Kernel) f32() F32   { return F32(k.register(0)) }
func (k *Kernel) f64() F64   { return F64(k.register(1)) }
func (k *Kernel) u32() U32   { return U32(k.register(2)) }
func (k *Kernel) u64() U64   { return U64(k.register(3)) }
func (k *Kernel) pred() Pred { return Pred(k.register(4)) }

// put writes an instruction.
func (k *Kernel) put(format string, operands ...any) {
	k.body.WriteByte('\t')
	fmt.Fprintf(&k.body, format, operands...)
	k.body.WriteString(";\n")
}

// into writes an instruction whose result is r, and returns r.
func into[R ~string](k *Kernel, r R, op string, operands ...any) R {
	k.put(op+" %s"+strings.Repeat(", %s", len(operands)), append([]any{r}, operands...)...)
	return r
}

// parameter declares the next parameter, of a type, and reads it to r.
func parameter[R ~string](k *Kernel, r R, kind string) R {
	name := fmt.Sprintf("%s_%d", k.name, len(k.params))
	k.params = append(k.params, ".param ."+kind+" "+name)
	return into(k, r, "ld.param."+kind, "["+name+"]")
}

// Pointer is the next parameter, an address in global memory.
func (k *Kernel) Pointer() U64 {
	r := k.Distance()
	k.put("cvta.to.global.u64 %s, %s", r, r)
	return r
}

// Distance is the next parameter, a number of bytes of 64 bits.
func (k *Kernel) Distance() U64 { return parameter(k, k.u64(), "u64") }

// Number is the next parameter, a whole number.
func (k *Kernel) Number() U32 { return parameter(k, k.u32(), "u32") }

// Real is the next parameter, a float32.
func (k *Kernel) Real() F32 { return parameter(k, k.f32(), "f32") }

// Shared returns the address in shared memory of that many bytes more, a multiple
// of 16.
func (k *Kernel) Shared(bytes int) U32 {
	at := k.Add(into(k, k.u32(), "mov.u32", "memory"), Int(k.shared))
	k.shared += (bytes + 15) &^ 15
	return at
}

// Ask returns the address in shared memory of that many bytes more, a multiple of 16, that
// the launch asks for: a block may have more than the 48 KiB of Shared in this way, but has
// to be launched with [Kernel.Asked].
func (k *Kernel) Ask(bytes int) U32 {
	at := k.Add(into(k, k.u32(), "mov.u32", "asked"), Int(k.asked))
	k.asked += (bytes + 15) &^ 15
	return at
}

// Asked returns the bytes of shared memory that a launch has to ask for.
func (k *Kernel) Asked() int { return k.asked }

// Bounds says that blocks have that many threads and that so many blocks are to fit into a
// multiprocessor: the registers of a thread follow from it.
func (k *Kernel) Bounds(threads, blocks int) {
	k.bounds = fmt.Sprintf(".maxntid %d, 1, 1\n.minnctapersm %d\n", threads, blocks)
}
