package emulator

import (
	"context"
	"fmt"
	"math"
	"math/bits"
)

// warp is 32 threads that run an instruction together as long as they stand at the
// same one.
type warp struct {
	block  *block
	index  int // in the block
	narrow [][32]uint32
	wide   [][32]uint64
	at     [32]int // where every lane stands
	live   uint32  // lanes that have not ended
	now    *instruction
}

// place is where lane l stands in its block.
func (w *warp) place(l int) [3]int {
	t, n := w.index*32+l, w.block.threads
	return [3]int{t % n[0], t / n[0] % n[1], t / n[0] / n[1]}
}

// thread is the number of lane l in the launch, see threadBits.
func (w *warp) thread(l int) uint32 {
	return w.block.place<<threadBits | uint32(w.index*32+l)
}

// fault is why a launch ends: the panic of a step, which Launch turns into an error.
type fault struct{ err error }

// fault ends the launch because of what lane l does.
func (w *warp) fault(l int, format string, args ...any) {
	line := 0
	text := ""
	if w.now != nil {
		line, text = w.now.line, w.now.text
	}
	panic(fault{fmt.Errorf("%s, block %v, thread %v, line %d, %q: %s", w.block.entry.name,
		w.block.at, w.place(l), line, text, fmt.Sprintf(format, args...))})
}

// start puts the lanes that the block has at the beginning.
func (w *warp) start() {
	clear(w.narrow)
	clear(w.wide)
	for row, v := range w.block.entry.constants {
		for l := range w.narrow[row] {
			w.narrow[row][l] = v
		}
	}
	for row, v := range w.block.entry.longs {
		for l := range w.wide[row] {
			w.wide[row][l] = v
		}
	}
	w.at, w.live = [32]int{}, w.lanes()
}

// behind returns the lanes that stand at the first instruction of all, which, and
// the first at which others stand. What was apart meets again there: code runs
// downwards from a branch to where both its ways have led.
func (w *warp) behind() (first int, group uint32, next int) {
	first, next = math.MaxInt, math.MaxInt
	for m := w.live; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m)
		switch at := w.at[l]; {
		case at < first:
			first, group, next = at, 1<<l, first
		case at == first:
			group |= 1 << l
		case at < next:
			next = at
		}
	}
	return first, group, next
}

// run goes on to the next barrier and returns true, or to the end.
func (w *warp) run(ctx context.Context) bool {
	for w.live != 0 {
		at, group, next := w.behind()
		for group != 0 && at <= next {
			if w.block.steps++; w.block.steps%(1<<16) == 0 && ctx.Err() != nil {
				panic(fault{context.Cause(ctx)})
			}
			in := &w.block.entry.code[at]
			w.now = in
			on := w.guarded(in, group)
			at++
			switch in.kind {
			case plain:
				if on != 0 {
					in.do(w, on)
				}
			case branch:
				if on == group {
					at = in.target
				} else if on != 0 {
					w.stand(group&^on, at)
					w.stand(on, in.target)
					group = 0
					continue
				}
			case exit:
				w.live &^= on
				group &^= on
			case shuffle, barrier:
				w.together(in, on)
				if in.kind == barrier {
					w.stand(group, at)
					return true
				}
				in.do(w, on)
			}
			if at >= next {
				break
			}
		}
		w.stand(group, at)
	}
	return false
}

// stand puts a group of lanes at an instruction.
func (w *warp) stand(group uint32, at int) {
	for m := group; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m)
		w.at[l] = at
	}
}

// guarded returns the lanes of group in which the guard of in holds.
func (w *warp) guarded(in *instruction, group uint32) uint32 {
	if in.guard < 0 {
		return group
	}
	on, p := uint32(0), &w.narrow[in.guard]
	for m := group; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m)
		if (p[l] != 0) != in.negate {
			on |= 1 << l
		}
	}
	return on
}

// together ends the launch unless the lanes that in needs are on: all 32 for a
// shuffle, all that have not ended for a barrier.
func (w *warp) together(in *instruction, on uint32) {
	need, what := w.live, "barrier"
	if in.kind == shuffle {
		need, what = everyLane, "shuffle"
	}
	if missing := need &^ on; missing != 0 {
		w.fault(bits.TrailingZeros32(missing), "the threads of a warp come to the %s apart", what)
	}
}
