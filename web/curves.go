package web

import (
	"fmt"
	"slices"

	"icar/figure"
	"icar/run"
)

var smoothParameter = choice("smooth", "smooth the loss over (steps)",
	"steps over which the loss is averaged with falling weights; 0 shows each batch",
	"0", "10", "30", "100", "300", "1000")

// curves draws the losses of runs and their errors by position, beside what no model
// can be better than.
func (d *Document) curves(runs []shelfRun, smooth float64) {
	var losses, positions []figure.Series
	for _, r := range runs {
		var x, y, tx, ty []float64
		for _, m := range r.Curve {
			x, y = append(x, float64(m.Step)), append(y, m.Loss)
		}
		for _, m := range sparse(r.Evaluations) {
			tx, ty = append(tx, float64(m.Step)), append(ty, m.TestMSE)
		}
		if smooth > 0 {
			losses = append(losses, figure.NewSeries(r.path+", each batch", figure.Faint, x, y),
				figure.NewSeries(fmt.Sprintf("%s, smoothed over %v steps", r.path, smooth),
					figure.Solid, x, smoothed(x, y, smooth)))
		} else {
			losses = append(losses, figure.NewSeries(r.path, figure.Solid, x, y))
		}
		losses = append(losses, figure.NewSeries(r.path+", test", figure.Points, tx, ty))
		if e := r.Evaluation; e != nil {
			positions = append(positions, figure.NewSeries(r.path, figure.Solid,
				figure.Positions(len(e.PositionMSE)), e.PositionMSE))
		}
	}
	about := "Lines: the loss of each batch. Points: the error on the test sequences."
	if smooth > 0 {
		about = "Lines: the loss, averaged over steps with weights that fall by e over the " +
			"number in the legend; pale, each batch. Points: the error on the test sequences."
	}
	later := "The last evaluation, at each context length."
	for _, f := range floors(runs) {
		losses = append(losses, figure.NewSeries(f.Name+", mean", figure.Dashed,
			[]float64{1, float64(f.steps)}, []float64{f.Mean, f.Mean}))
		if f.within {
			continue
		}
		positions = append(positions, figure.NewSeries(f.label, figure.Dashed,
			figure.Positions(len(f.at)), f.at))
		if i := slices.Index(f.at, 0); i >= 0 {
			later += fmt.Sprintf(" The %s is 0 from T = %d on, which this axis cannot show.",
				f.label, i+1)
		}
	}
	d.figure("loss", "Loss while training", about, 1, lines("", linear("step"),
		logarithmic("mean squared error"), losses...))
	d.figure("positions", "Test error by position", later, 1, lines("",
		linear("context length T"), logarithmic("mean squared error"), positions...))
}

// maxMarks is how many evaluations of a run are drawn: more hide the line.
const maxMarks = 40

// sparse returns evenly spaced ones of the evaluations, the last among them.
func sparse(all []run.Metric) (some []run.Metric) {
	every := (len(all) + maxMarks - 1) / maxMarks
	for i, m := range all {
		if (len(all)-1-i)%every == 0 {
			some = append(some, m)
		}
	}
	return some
}

// drawnFloor is the floor of some runs.
type drawnFloor struct {
	floor
	of     string // the first of them
	steps  int    // that the longest has done
	label  string // by position
	within bool   // by position it is the beginning of another one
}

// floors are the floors of runs, one for those that have the same; where there are two of
// a name, each says whose it is.
func floors(runs []shelfRun) (all []drawnFloor) {
	for _, r := range runs {
		f, known := floorOf(r.config)
		if !known {
			continue
		}
		same := func(g drawnFloor) bool { return f.Name == g.Name && slices.Equal(f.at, g.at) }
		if i := slices.IndexFunc(all, same); i >= 0 {
			all[i].steps = max(all[i].steps, r.Step)
			continue
		}
		all = append(all, drawnFloor{floor: f, of: r.path, steps: r.Step, label: f.Name})
	}
	means, shapes := map[string]int{}, map[string]int{}
	for i, f := range all {
		all[i].within = slices.ContainsFunc(all, func(g drawnFloor) bool {
			return f.Name == g.Name && len(f.at) < len(g.at) && slices.Equal(f.at, g.at[:len(f.at)])
		})
		means[f.Name]++
		if !all[i].within {
			shapes[f.Name]++
		}
	}
	for i, f := range all {
		if shapes[f.Name] > 1 {
			all[i].label += " of " + f.of
		}
		if means[f.Name] > 1 {
			all[i].Name += " of " + f.of
		}
	}
	return all
}
