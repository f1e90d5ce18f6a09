package bench

import (
	"context"
	"fmt"
	"math"

	"icar/figure"
	"icar/nn"
	"icar/nn/kernel"
	"icar/train"
)

// Ceilings are what bounds a loop on a machine, all cores together: operations a second,
// and bytes a second from the second-level cache and from memory.
type Ceilings struct{ Peak, Cache, Memory float64 }

// NewCeilings measures those of k, given its peak.
func NewCeilings(k kernel.Kernel, peak float64) Ceilings {
	return Ceilings{peak, Bandwidth(k, cached), Bandwidth(k, uncached)}
}

// Intensity returns the operations of the loops of a step of c for a byte that they read
// or write, by [nn.Counted]. Case c has to have a model. The error is the context's.
func Intensity(ctx context.Context, c Case, k kernel.Kernel) (float64, error) {
	model, batch, err := c.start(ctx)
	if err != nil {
		return 0, err
	}
	flops, bytes, err := nn.Counted(ctx, model, k, batch)
	return flops / bytes, err
}

// start returns the model of a case and a batch.
func (c Case) start(ctx context.Context) (*nn.Transformer[float32], nn.Batch[float32], error) {
	var none nn.Batch[float32]
	config, err := c.resolve()
	if err != nil {
		return nil, none, err
	}
	batches, err := train.NewBatches(ctx, config)
	if err != nil {
		return nil, none, err
	}
	batch, err := batches.Batch(ctx, 1)
	if err != nil {
		return nil, none, err
	}
	model, err := nn.New[float32](config.Config, 1)
	return model, batch, err
}

// RooflineFigure draws results with those intensities, one a result, under the
// ceilings.
func RooflineFigure(c Ceilings, results []Result, intensities []float64) figure.Figure {
	low, high := intensities[0], intensities[0]
	for _, x := range intensities {
		low, high = min(low, x), max(high, x)
	}
	low, high = min(low, c.Peak/c.Memory, c.Peak/c.Cache)/2, max(high, c.Peak/c.Memory)*2
	const steps = 200
	x, cache, memory := make([]float64, steps+1), make([]float64, steps+1), make([]float64, steps+1)
	for i := range x {
		x[i] = low * math.Pow(high/low, float64(i)/steps)
		cache[i] = min(c.Peak, x[i]*c.Cache) / 1e9
		memory[i] = min(c.Peak, x[i]*c.Memory) / 1e9
	}
	panel := figure.Panel{
		Kind: figure.Lines, X: figure.Axis{Label: "operations a byte of operands", Log: true},
		Y: figure.Axis{Label: "GFLOP/s", Log: true},
		Series: []figure.Series{
			figure.NewSeries("peak, or second-level cache", figure.Solid, x, cache),
			figure.NewSeries("peak, or memory", figure.Dashed, x, memory),
		},
	}
	for i, r := range results {
		panel.Series = append(panel.Series, figure.NewSeries(r.Case, figure.Points,
			intensities[i:i+1], []float64{*r.GFlops}))
	}
	return figure.Figure{
		Name: "roofline", Title: "Roofline", Columns: 1, Panels: []figure.Panel{panel},
		Caption: fmt.Sprintf("Operations a second of the standard cases on %s, against the operations "+
			"of its loops for each byte that they read or write, every operand once a call. The "+
			"ceilings are measured: %.0f GFLOP/s of multiply-adds in registers, %.0f GB/s from the "+
			"second-level cache and %.0f GB/s from memory, on all cores together.",
			results[0].Kernel, c.Peak/1e9, c.Cache/1e9, c.Memory/1e9),
	}
}
