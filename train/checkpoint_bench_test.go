package train

import (
	"fmt"
	"path/filepath"
	"testing"

	"icar/nn"
	"icar/run"
)

// BenchmarkCheckpoint times a checkpoint of the models of Fig. 5, with its
// fsync of the metrics, the file and the folder.
func BenchmarkCheckpoint(b *testing.B) {
	for _, depth := range []int{1, 6} {
		b.Run(fmt.Sprintf("L=%d", depth), func(b *testing.B) {
			c := DefaultConfig()
			c.Depth = depth
			c, err := c.Resolve()
			if err != nil {
				b.Fatal(err)
			}
			m, err := nn.New[float32](c.Config, 0)
			if err != nil {
				b.Fatal(err)
			}
			adam, err := nn.NewOptimiser(nn.AdamName, m.Parameters())
			if err != nil {
				b.Fatal(err)
			}
			d, err := run.Create(filepath.Join(b.TempDir(), "run"), c.YAML(), run.NewInfo(0, "go"))
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			step := 0
			for b.Loop() {
				step++
				if err := d.Record(run.Metric{Step: step}, run.Timing{Step: step}); err != nil {
					b.Fatal(err)
				}
				if err := d.Checkpoint(run.Checkpoint{Step: step,
					Weights: nn.Export(nn.Tensors(m.Parameters())), State: nn.Export(adam.State())}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
