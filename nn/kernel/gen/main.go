// Command gen writes the assembly of package kernel for AVX2 and AVX-512 from
// one description of every loop.
//
// A block of 16 lanes is two registers of AVX2 or one of AVX-512. Products
// that are worth register tiles run once for each half of the block in AVX2;
// all other loops treat both halves side by side. Either way a lane sees the
// same operations in the same order at both widths.
package main

import (
	"log"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"icar/nn/kernel/constant"
)

const block = 64 // bytes of a block of 16 lanes

// width is an instruction set.
type width struct {
	suffix string
	bytes  int // of a register
	vector func() reg.VecVirtual
}

var widths = []width{{"AVX2", 32, build.YMM}, {"AVX512", 64, build.ZMM}}

// parts are the offsets of a block's registers.
func (w width) parts() []int {
	if w.bytes == block {
		return []int{0}
	}
	return []int{0, block / 2}
}

// vectors allocates one register for every part of a block.
func (w width) vectors() []reg.VecVirtual {
	v := make([]reg.VecVirtual, len(w.parts()))
	for i := range v {
		v[i] = w.vector()
	}
	return v
}

// each calls f for every part of a block with its offset.
func (w width) each(f func(i, offset int)) {
	for i, offset := range w.parts() {
		f(i, offset)
	}
}

// zero clears a register.
func (w width) zero(v reg.Register) {
	if w.bytes == block {
		build.VPXORD(v, v, v)
	} else {
		build.VXORPS(v, v, v)
	}
}

// function starts a function.
func (w width) function(name, arguments, doc string) {
	build.TEXT(name+w.suffix, build.NOSPLIT, "func("+arguments+")")
	build.Pragma("noescape")
	build.Doc(name + w.suffix + " " + doc)
}

// pointer loads a parameter.
func pointer(name string) reg.Register { return build.Load(build.Param(name), build.GP64()) }

// loop repeats body n > 0 times.
func loop(label string, n reg.Register, body func()) {
	build.Label(label)
	body()
	build.DECQ(n)
	build.JNZ(operand.LabelRef(label))
}

// advance moves pointers on.
func advance(step int, pointers ...reg.Register) {
	for _, p := range pointers {
		build.ADDQ(operand.U32(step), p)
	}
}

// finish returns to Go, which expects the upper halves of registers clean.
func finish() {
	build.VZEROUPPER()
	build.RET()
}

func main() {
	build.ConstraintExpr("amd64")
	for _, w := range widths {
		multiply(w, "multiply", false)
		multiply(w, "multiplyShared", true)
		elementwise(w)
		t := constants(w, "constants")
		softmax(w, t)
		softmaxBackward(w)
		gelu(w, t)
		for e := 2; e <= constant.MostEntries; e++ {
			attend(w, e)
			attendBackward(w, e)
		}
		norm(w)
		normBackward(w)
		busy(w)
	}
	sum(widths[0])
	build.Generate()
}

// broadcast fills v with a parameter of the function.
func broadcast(w width, parameter string, v reg.VecVirtual) {
	c, err := build.Param(parameter).Resolve()
	if err != nil {
		log.Fatal(err)
	}
	build.VBROADCASTSS(c.Addr, v)
}
