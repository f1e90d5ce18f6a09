package probe

import (
	"math"
	"testing"

	"icar/train"
)

// What a head of nn.MultiHead writes goes through its own columns of W_o, so a
// model without the head is one without the columns. Of what only heads of full
// width have there is nothing.
func TestProbesOfStandardHeads(t *testing.T) {
	m := random(t, func(c *train.Config) {
		rich(c)
		c.Mixer, c.PreNorm = "multihead", true
	})
	s := sequences(t, m.Config, 5)
	all, err := Ablate(t.Context(), m, s)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1+6+1+1+1+3 {
		t.Errorf("%d ablations: %+v", len(all), all)
	}
	without, err := m.clone()
	if err != nil {
		t.Fatal(err)
	}
	d := m.Config.Embed
	for i := range d {
		clear(without.parameters()["layers.1.o.weight"][i*d+d/2 : (i+1)*d]) // head 2 of 2
	}
	errors, err := without.MSE(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, a := range all {
		if a.Part == "layer 2, head 2" {
			found = true
			if want := average(errors); math.Abs(a.MSE-want) > 1e-12*want {
				t.Errorf("%s: %v, without its columns %v", a.Part, a.MSE, want)
			}
		}
	}
	if !found {
		t.Error("layer 2, head 2 was not taken out")
	}
	if heads, err := m.Heads(); err != nil || len(heads) != 0 {
		t.Errorf("the geometry of %d layers, %v", len(heads), err)
	}
	if maps, err := m.Attention(t.Context(), s); err != nil || len(maps) != 6 {
		t.Errorf("%d attention maps, %v", len(maps), err)
	}
	if _, err := m.OneStep(1); err == nil {
		t.Error("a gradient step is constructed of standard heads")
	}
}
