package nn

import (
	"runtime"
	"testing"

	"icar/nn/kernel"
)

// TestMemoryLeavesTheBits trains models on seven processors with room for all blocks, for
// two side by side and for one. The bits are the same, and there are no more workspaces
// than blocks side by side, and no more gradients than those and their sum.
func TestMemoryLeavesTheBits(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(7))
	k := kernel.Available()[0]
	for name, c := range kinds() {
		b := randomBatch[float32](c, 16*9+3, 1)
		b.T = min(c.Length, 9)
		b.X, b.Y = b.X[:b.N*b.T*c.Width], b.Y[:b.N*b.T*c.Coords]
		bits := func(abreast int) string {
			m := newModel[float32](t, c, 1)
			e := newEngine(t, m, k)
			if abreast > 0 {
				e.memory = abreast * kernel.Lanes * b.T * c.remembered()
			}
			var got [][]float32
			for range 2 {
				loss, err := e.Gradient(t.Context(), b)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, []float32{float32(loss)})
				for _, p := range m.Parameters() {
					got = append(got, append([]float32(nil), p.Grad...))
				}
			}
			out, err := e.Predict(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			if rooms, strands := len(e.rooms.free), len(e.strands); abreast > 0 &&
				(rooms > abreast || strands != abreast+1) {
				t.Errorf("%s, %d abreast: %d workspaces and %d gradients", name, abreast, rooms, strands)
			}
			return hashOf(append(got, out))
		}
		all := bits(0)
		for abreast := 1; abreast <= 2; abreast++ {
			if got := bits(abreast); got != all {
				t.Errorf("%s, %d abreast: %s, want %s", name, abreast, got, all)
			}
		}
	}
}

// TestRememberedIsWhatThereIs compares the numbers of a token that are counted with the
// activations of a workspace, which have some columns and rows more.
func TestRememberedIsWhatThereIs(t *testing.T) {
	for name, c := range kinds() {
		w := newLanes(c, c.Length, c.Length, kernel.Available()[0], nil)
		n := 0
		for _, l := range w.layers {
			for _, m := range append([]kernel.Matrix{l.x, l.q, l.k, l.v, l.z, l.norm.y, l.norm.normal,
				l.r, l.inner.y, l.inner.normal, l.pre, l.hidden}, l.y...) {
				n += len(m.Data)
			}
		}
		want := c.Length * kernel.Lanes * c.remembered()
		if !(n >= want && float64(n) < 1.4*float64(want)) {
			t.Errorf("%s: %d numbers, counted %d", name, n, want)
		}
	}
}
