package cuda

import (
	"slices"
	"testing"
)

// TestGroupsShareASlot makes the gradient of positions of two groups of sequences in a slot
// each, and in one: that has the sum of both, to the bit, of either attention and of tokens
// that do not fill a tile.
func TestGroupsShareASlot(t *testing.T) {
	const groups, length = 2, 7
	for _, softmax := range []bool{false, true} {
		a := attend{heads: 2, width: 3, softmax: softmax, product: true, rows: mostRows, parts: 1}
		pairs := a.heads * length * length
		gradient := func(slots int) []float32 {
			b := newBoard(t)
			tensor := func(features int) span {
				n := groups * length * features * 32
				return b.put(b.draw(n), n)
			}
			q, k, v, dz := tensor(a.features()), tensor(a.features()), tensor(a.features()),
				tensor(a.out())
			dq, kept := tensor(a.features()), tensor(stats*a.heads)
			p, dp := b.put(b.draw(pairs), pairs), b.put(nil, slots*pairs)
			b.plan.warped(&b.list, a.queryKernel(), a.heads*a.tiles(length), slots, length,
				number(groups), number(slots), q.argument, k.argument, v.argument, dz.argument,
				dq.argument, kept.argument, p.argument, dp.argument)
			return b.run(dp)[0]
		}
		each, one := gradient(groups), gradient(1)
		sum := make([]float32, pairs)
		for i := range sum {
			sum[i] = each[i] + each[pairs+i]
		}
		if !slices.Equal(one, sum) {
			t.Errorf("softmax %t: two groups come to %v in a slot, not to %v", softmax, one, sum)
		}
		if zeros := len(sum) - nonzero(sum); zeros != a.heads*length*(length-1)/2 {
			t.Errorf("softmax %t: %d pairs have no gradient", softmax, zeros)
		}
	}
}

// nonzero is the number of those in v.
func nonzero(v []float32) (n int) {
	for _, x := range v {
		if x != 0 {
			n++
		}
	}
	return n
}
