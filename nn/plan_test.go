package nn

import (
	"testing"

	"icar/nn/kernel"
)

func leaf(seconds float64) span { return span{rest: seconds} }

func TestTry(t *testing.T) {
	for name, s := range map[string]struct {
		c Config
		n int
	}{"fig5-L1": {standard()["fig5-L1"], 1024}, "fig7-H64": {standard()["fig7-H64"], 1024}, "small": {smalls()["softmax"].config, 64}} {
		m := newModel[float32](t, s.c, 1)
		p, err := NewPlan(t.Context(), m, avail(), randomBatch[float32](s.c, s.n, 1), 3)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s %d phases %d tasks %d parts work %.3g cut %.3g serial %.3g hand %.2g wake %.2g", name, p.Phases, p.Tasks, p.Parts, p.Work, p.cut.seconds(), p.Serial, p.HandOver, p.Wake)
		for _, n := range []int{1, 2, 4, 16, 64} {
			t.Logf("  %+v", p.Predict(n))
		}
		t.Logf("longest %.3g", p.Longest)
		for i, st := range p.cut.steps {
			s := 0.0
			mx := 0.0
			for _, k := range st.tasks {
				s += k.seconds()
				mx = max(mx, k.seconds())
			}
			t.Logf("   phase %d before %.3g tasks %d sum %.3g most %.3g", i, st.before, len(st.tasks), s, mx)
		}
		t.Logf("  rest %.3g", p.cut.rest)
	}
}
func avail() kernel.Kernel { return kernel.Available()[0] }
