package cuda

import (
	"context"
	"slices"
	"testing"

	"icar/nn"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
	"icar/nn/cuda/ptx"
)

// TestFoldedWeightsLieSideBySide looks at the places of a model that has every part.
func TestFoldedWeightsLieSideBySide(t *testing.T) {
	c := nn.Config{Width: 3, Embed: 6, Depth: 2, Heads: 5, Attention: nn.LinearAttention,
		Norm: true, MLP: 2, Position: nn.AdditivePosition, Length: 9, Coords: 3}
	f := newFolded(c, 7)
	first := foldedLayer{e: 7, m: 0, u: 280, o: 560, gamma: 568, beta: 576, up: 584, down: 680,
		downBias: 776}
	if f.layer(0) != first {
		t.Errorf("layer 0 lies at %+v, not %+v", f.layer(0), first)
	}
	if got := f.layer(1).m; got != 784 {
		t.Errorf("layer 1 begins at %d, not 784", got)
	}
	if got := [3]int{f.pos, f.out, f.numbers}; got != [3]int{1568, 1624, 1648} {
		t.Errorf("positions, readout and the end lie at %d", got)
	}
	c.Position = nn.ProductPosition
	f = newFolded(c, 7)
	if f.layer(0).e != 4 || f.layer(1).e != 7 || f.pos != 0 {
		t.Errorf("without positions added to tokens these are %+v", f)
	}
}

// TestPackedPositionsHavePlacesOfTheirOwn looks at all places, in Go and in a kernel: of
// one group's tile they lie without a gap.
func TestPackedPositionsHavePlacesOfTheirOwn(t *testing.T) {
	for _, p := range []packing{newPacking(8, 9), newPacking(5, 6), newPacking(1, 4),
		newPacking(19, 5), {12, 12, 7}} {
		seen := make([]bool, p.number())
		var wanted []int
		for h := range p.heads {
			for i := range p.length {
				for j := range i + 1 {
					at := p.index(h, i, j)
					if seen[at] {
						t.Fatalf("%+v: place %d is that of two", p, at)
					}
					seen[at], wanted = true, append(wanted, at)
				}
			}
		}
		if p.index(0, 4, 0) != 4*4*p.together || p.index(0, 3, 2) != (2*4+3)*p.together {
			t.Errorf("%+v: token 4 begins at %d", p, p.index(0, 4, 0))
		}
		if got := placesInKernel(t, p); !slices.Equal(got, wanted) {
			t.Errorf("%+v: a kernel has places %d, not %d", p, got, wanted)
		}
	}
	if got := newPacking(3, 5).together; got != 2 {
		t.Errorf("of 3 heads lie %d together, not 2", got)
	}
}

// placesInKernel returns the places of all p_hij, in order, as a kernel finds them.
func placesInKernel(t *testing.T, p packing) []int {
	k := ptx.New("places")
	to := k.CopyAddress(k.Pointer())
	k.For(ptx.Int(0), ptx.Int(p.heads), next, func(h ptx.U32) {
		k.For(ptx.Int(0), ptx.Int(p.length), next, func(i ptx.U32) {
			k.For(ptx.Int(0), k.Add(i, next), next, func(j ptx.U32) {
				k.Store(to, 0, k.OfInt(p.at(k, h, i, j)))
				k.MoveTo(to, ptx.Long(4))
			})
		})
	})
	d, ctx := emulator.New(), context.Background()
	m, err := d.Load(ctx, ptx.Text(k), "places")
	if err != nil {
		t.Fatal(err)
	}
	at, err := d.Alloc(ctx, 4*p.number())
	if err != nil {
		t.Fatal(err)
	}
	err = d.Launch(ctx, []device.Launch{{Kernel: m.Kernels[0], Grid: [3]int{1, 1, 1},
		Block: [3]int{1, 1, 1}, Args: []device.Arg{device.Address(at, 0)}}})
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 4*p.heads*p.length*(p.length+1)/2)
	if err := d.Read(ctx, data, at); err != nil {
		t.Fatal(err)
	}
	var places []int
	for _, v := range decode(data) {
		places = append(places, int(v))
	}
	return places
}
