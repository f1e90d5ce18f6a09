package command

import (
	"context"
	"errors"
	"os"

	"icar/bench"
	"icar/figure"
	"icar/nn/kernel"
	"icar/report"
)

// draw writes the roofline with the results that have operations.
func (f benchFlags) draw(ctx context.Context, cases []bench.Case, d benchDocument,
	k kernel.Kernel) error {
	var results []bench.Result
	var intensities []float64
	for i, r := range d.Cases {
		if r.GFlops == nil {
			continue
		}
		intensity, err := bench.Intensity(ctx, cases[i], k)
		if err != nil {
			return err
		}
		results, intensities = append(results, r), append(intensities, intensity)
	}
	if len(results) == 0 {
		return errors.New("no case has operations to draw: name a model, as in icar bench fig5-L1")
	}
	if err := os.MkdirAll(f.figure, 0o777); err != nil {
		return err
	}
	picture := bench.RooflineFigure(bench.NewCeilings(k, d.Peak*1e9), results, intensities)
	return report.SaveFigures(f.figure, []figure.Figure{picture}, f.style)
}
