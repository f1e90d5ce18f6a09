package web

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"icar/ar"
	"icar/theory"
)

// fromStart is what the loss of h heads becomes from a start, for contexts W of d coordinates: the
// mean over the lengths T = 2 to 10.
func fromStart(t *testing.T, f ar.Family, h, d int, start uint64) float64 {
	t.Helper()
	m, err := theory.NewDiagonal(h, d, 10)
	if err != nil {
		t.Fatal(err)
	}
	m.Init(ar.Rand(start, "web-heads", 0), initSpread)
	losses, err := m.Descend(t.Context(), f,
		theory.Descent{LearningRate: 0.01, Iterations: 20000})
	if err != nil {
		t.Fatal(err)
	}
	return losses[len(losses)-1] / 9
}

// TestHeadTakenAway trains the heads of the page from 40 starts, all of them and one
// fewer: the loss becomes what theory says.
func TestHeadTakenAway(t *testing.T) {
	for h, want := range map[int]float64{6: 0, 5: 1} {
		for seed := range uint64(40) {
			loss := fromStart(t, ar.Unitary, h, 6, seed+1)
			if math.Abs(loss-want) > 1e-3 {
				t.Errorf("%d heads, start %d: the loss becomes %v, theory says %v", h, seed+1, loss,
					want)
			}
		}
		var s Server
		doc, err := s.least(t.Context(), defaults(leastParameters, "h", fmt.Sprint(h)))
		if err != nil || float64(doc.Numbers["minimum"]) != want || !strings.Contains(
			doc.Words["theory"], fmt.Sprintf("theory says that the loss becomes %v.", want)) {
			t.Errorf("%d heads: %v, %v", h, doc.Words, err)
		}
	}
	if got := becomes(1.00004,
		1); got != "Theory says that the loss becomes 1. It has become 1.0000." {
		t.Error(got)
	}
}

// TestHalf trains the encoding from 40 starts: where the page says that -1/2 is proved,
// it is; where the loss is above its minimum the page does not claim it.
func TestHalf(t *testing.T) {
	var s Server
	proved := 0
	for seed := range 40 {
		doc, err := s.half(t.Context(), defaults(halfParameters, "seed", fmt.Sprint(seed+1)))
		if err != nil {
			t.Fatal(err)
		}
		ratio := doc.Figures[0].Panels[0].Series[0].Y
		near := math.Abs(ratio[len(ratio)-1]+0.5) < 0.01
		says := strings.Contains(doc.Words["ratio"], "proves it to within")
		if says != near {
			t.Errorf("start %d: the ratio is %v and the page says %q", seed+1, ratio,
				doc.Words["ratio"])
		}
		if says {
			proved++
		}
	}
	if proved < 10 || proved == 40 {
		t.Errorf("%d of 40 starts find -1/2, want some and not all", proved)
	}
	for changes, want := range map[[2]string]string{
		{"h", "4"}:    "There is a head for every coordinate, and p_{T-1} may be anything.",
		{"logk", "0"}: "above its minimum",
		{"seed", "9"}: "p_{T-1} is -0.500 times p_T. With 3 heads for 4 coordinates",
	} {
		doc, err := s.half(t.Context(), defaults(halfParameters, changes[0], changes[1]))
		if err != nil || !strings.Contains(doc.Words["ratio"], want) {
			t.Errorf("%v: %q, %v; want %q", changes, doc.Words["ratio"], err, want)
		}
	}
	doc, err := s.half(t.Context(), defaults(halfParameters, "theta", "2"))
	if err != nil || doc.Words["continued"] != "For θ = 2.00 the layer is 0.000 off the next token." {
		t.Errorf("%v, %v", doc.Words, err)
	}
}

// TestTraps trains rotations from 40 starts: with a head for every pair most do not come
// to the minimum, as the page says; with one head more some do not, and most do.
func TestTraps(t *testing.T) {
	for h, most := range map[int]bool{2: true, 3: false} {
		missed := 0
		for seed := range uint64(40) {
			if fromStart(t, ar.Rotation, h, 4, seed+1) > 1e-3 {
				missed++
			}
		}
		if missed == 0 || (missed > 20) != most {
			t.Errorf("%d heads: %d of 40 starts miss the minimum", h, missed)
		}
	}
}
