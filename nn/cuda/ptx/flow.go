package ptx

import "fmt"

// Axis is a direction of the grid.
type Axis string

// The directions of the grid.
const (
	X Axis = "x"
	Y Axis = "y"
	Z Axis = "z"
)

// Thread is the thread's place in its block.
func (k *Kernel) Thread(a Axis) U32 { return k.special("%tid." + string(a)) }

// Block is the block's place in the grid.
func (k *Kernel) Block(a Axis) U32 { return k.special("%ctaid." + string(a)) }

// Threads is the number of threads of a block.
func (k *Kernel) Threads(a Axis) U32 { return k.special("%ntid." + string(a)) }

// Blocks is the number of blocks of the grid.
func (k *Kernel) Blocks(a Axis) U32 { return k.special("%nctaid." + string(a)) }

func (k *Kernel) special(name string) U32 { return into(k, k.u32(), "mov.u32", name) }

// label returns a new label.
func (k *Kernel) label() string {
	k.labels++
	return fmt.Sprintf("$L%d", k.labels-1)
}

// ExitUnless ends threads for which p does not hold.
func (k *Kernel) ExitUnless(p Pred) {
	on := k.label()
	k.put("@%s bra %s", p, on)
	k.put("ret")
	k.mark(on)
}

func (k *Kernel) mark(label string) { k.body.WriteString(label + ":\n") }

// If has body run by the threads for which p holds.
func (k *Kernel) If(p Pred, body func()) {
	end := k.label()
	k.put("@!%s bra %s", p, end)
	body()
	k.mark(end)
}

// For runs body with i = from, from + step, … below to.
func (k *Kernel) For(from, to, step U32, body func(i U32)) {
	i := into(k, k.u32(), "mov.u32", from)
	begin, end := k.label(), k.label()
	k.put("@%s bra %s", k.AtLeast(i, to), end)
	k.mark(begin)
	body(i)
	k.put("add.u32 %s, %s, %s", i, i, step)
	k.put("@%s bra %s", k.Less(i, to), begin)
	k.mark(end)
}

// Barrier waits for all threads of the block.
func (k *Kernel) Barrier() { k.put("bar.sync 0") }

// Butterfly returns v of the lane whose number differs in the bits of mask. All
// lanes of the warp have to take part.
func (k *Kernel) Butterfly(v F32, mask int) F32 {
	return k.OfBits(into(k, k.u32(), "shfl.sync.bfly.b32", k.Bits(k.held(v)), Int(mask),
		"31", "-1"))
}
