package probe_test

import (
	"fmt"
	"log"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"

	"icar/ar"
	"icar/probe"
	"icar/train"
)

// lookAtLast is a probe of one's own: what share of its attention does each
// head give to the last token? It starts from the activations, by name and
// shape.
func lookAtLast(m *probe.Model, s ar.Batch[float64]) error {
	tensors, err := m.Activations(s, 0)
	for _, t := range tensors {
		if strings.HasSuffix(t.Name, ".attention") { // (H, T, T)
			for a := range slices.Chunk(t.Data, s.T*s.T) {
				last := a[(s.T-1)*s.T:]
				fmt.Printf("%s: %.2f\n", t.Name, math.Abs(last[s.T-1])/floats.Norm(last, 1))
			}
		}
	}
	return err
}

func ExampleModel_Activations() {
	c := train.DefaultConfig()
	c.D, c.Length, c.Depth, c.Heads, c.Embed = 2, 4, 2, 2, 6
	model, err := probe.Untrained(c) // or probe.Open("runs/1a2b3c4d", nil), a trained one
	if err != nil {
		log.Fatal(err)
	}
	s, err := train.Sequences(model.Config, train.TestStream, 1)
	if err != nil {
		log.Fatal(err)
	}
	if err := lookAtLast(model, s); err != nil {
		log.Fatal(err)
	}
	// Output:
	// layers.0.attention: 0.24
	// layers.0.attention: 0.36
	// layers.1.attention: 0.03
	// layers.1.attention: 0.25
}
