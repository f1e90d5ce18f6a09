// How one knows: one gradient step. d token dimension, T context length.

package web

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"icar/ar"
	"icar/estimator"
	"icar/figure"
)

var stepParameters = []parameter{
	choice("family", "W is drawn from", "law of the context matrices", "haar", "so", "rotation"),
	number("d", "dimension d", 4, 2, 5, 1, "token dimension, even for rotation"),
	number("t", "context length T", 6, 1, fitLength, 1, "context length at which Γ is shown"),
	number("k", "gradient steps k", 5, 2, 20, 1, "gradient steps of the third algorithm"),
	choice("norm", "layer norm", "of the trained model", "no", "yes"),
	number("seed", "which sequence", 1, 1, 1000, 1, "which sequence"),
}

// step shows the in-context maps of a model and of four algorithms beside W.
func (s *Server) step(ctx context.Context, v values) (Document, error) {
	p := ar.New(ar.Family(v["family"]), v.integer("d"))
	if err := p.Check(); err != nil {
		return Document{}, bad(err)
	}
	f, algorithms, err := s.fitted(ctx, fitKey{p.Family, p.D, v.on("norm")}, v.integer("k"))
	if err != nil {
		return Document{}, err
	}
	sampler, err := ar.NewSampler[float64](p, 1, fitLength, uint64(v.integer("seed")), "web-shown")
	if err != nil {
		return Document{}, err
	}
	batch := sampler.Batch(0)
	shown := v.integer("t")
	var doc Document
	x, err := batch.Inputs(ar.Augmented)
	if err != nil {
		return doc, err
	}
	doc.figure("tokens", "Tokens, each beside the one before it",
		"Column t is e_t = (0, s_t, s_{t-1}): the pair that "+
			"a gradient step on |s_t - W s_{t-1}|² needs.", 1,
		heatmap("", "position t", "coordinate", 3*p.D, shown, transpose(x, shown, 3*p.D)))
	in, err := lookInside(f.model, batch, shown)
	if err != nil {
		return doc, err
	}
	doc.inner(in, p.D, shown)
	maps, err := f.model.Maps(ctx, batch)
	if err != nil {
		return doc, err
	}
	w := batch.Contexts[0].W
	panels := []figure.Panel{heatmap("W", "", "", p.D, p.D, w),
		heatmap("Γ of the model", "", "", p.D, p.D, maps.At(0, shown-1))}
	var own []float64
	for t := range fitLength {
		own = append(own, offW(maps.At(0, t), w))
	}
	distances := []figure.Series{figure.NewSeries("model", figure.Solid,
		figure.Positions(fitLength), own)}
	doc.fact("|Γ - W|/|W|, model", "%s", figure.Text(own[shown-1]))
	for _, a := range algorithms {
		gamma, distance, err := follow(a.Estimator, batch, shown)
		if err != nil {
			return doc, err
		}
		panels = append(panels, heatmap("Γ of "+a.label, "", "", p.D, p.D, gamma))
		distances = append(distances, figure.NewSeries(a.label, figure.Solid,
			figure.Positions(fitLength), distance))
		doc.fact("|Γ - W|/|W|, "+a.label, "%s", figure.Text(distance[shown-1]))
	}
	doc.figure("maps", fmt.Sprintf("In-context maps after %s", plural(shown, "token")),
		"The prediction of s_{T+1} is Γ s_T."+arrives(distances[len(distances)-1].Y)+
			" Γ of a normalised model is blind along its query.", 6, panels...)
	distances = append(distances, here(shown, distances))
	doc.figure("distance", "How far Γ is from W", "On the sequence above, at every context length.",
		1,
		lines("", linear("context length T"), linear("|Γ - W| / |W|"), distances...))
	doc.figure("errors", "Error at every position",
		"Mean squared error over 128 other sequences: of the model, one layer trained by Adam on "+
			"2,048 sequences; of one step with η*; of more steps, with their best size; of the "+
			"best linear layer; and the floor that nothing is below, on which least squares is.", 1,
		lines("", linear("context length T"), logarithmic("mean squared error"),
			errorSeries(f, algorithms)...))
	doc.know(f, algorithms, own[shown-1])
	doc.factNumber("η of the best one step, fitted", f.eta)
	doc.factNumber("η* = 3/(2Tmax + 3d - 4), the best for unitary contexts",
		algorithms[0].Estimator.(estimator.GradientDescent).Eta[0])
	return doc, nil
}

// arrives says from which context length on least squares has W, given its distances
// from it.
func arrives(distance []float64) string {
	for t := len(distance); t > 0; t-- {
		if !(distance[t-1] < 1e-6) {
			if t == len(distance) {
				return ""
			}
			return fmt.Sprintf(" From T = %d on Γ of least squares is W.", t+1)
		}
	}
	return ""
}

// know says how one knows what the model has learnt: by its errors on sequences that it
// has not seen, beside those of algorithms.
func (doc *Document) know(f fitted, algorithms []assessed, off float64) {
	mean := func(errors []float64) float64 { return floats.Sum(errors) / float64(len(errors)) }
	model := mean(f.modelError)
	nearest := algorithms[0]
	for _, a := range algorithms {
		if math.Abs(mean(a.errors)-model) < math.Abs(mean(nearest.errors)-model) {
			nearest = a
		}
	}
	doc.say("know", "By its error on 128 sequences that it was not trained on: %.4f. Nearest of the "+
		"algorithms: %s, %.4f; least squares has %.4f. On the sequence below its Γ is %.0f%% "+
		"of |W| from W.", model, nearest.label, mean(nearest.errors),
		mean(f.least.errors), 100*off)
}

// follow runs an estimator through the one sequence of a batch and returns Γ
// (D, D) after the shown tokens and |Γ_T - W|/|W| for T = 1, 2, …
func follow(e estimator.Estimator, b ar.Batch[float64],
	shown int) (gamma, distance []float64, err error) {
	w := b.Contexts[0].W
	g := make([]float64, b.D*b.D)
	err = estimator.Walk(e, estimator.Sequence{D: b.D, T: b.T}, b.States,
		func(t int, _ []float64, s estimator.Stream) {
			s.Map(g)
			if t == shown-1 {
				gamma = append(gamma, g...)
			}
			distance = append(distance, offW(g, w))
		})
	return gamma, distance, err
}

// offW is |Γ - W|/|W|.
func offW(gamma, w []float64) float64 { return floats.Distance(gamma, w, 2) / floats.Norm(w, 2) }

func errorSeries(f fitted, algorithms []assessed) []figure.Series {
	all := []figure.Series{figure.NewSeries("model", figure.Solid, figure.Positions(fitLength),
		f.modelError)}
	for _, a := range algorithms {
		all = append(all, figure.NewSeries(a.label, figure.Solid, figure.Positions(fitLength),
			seen(a.errors)))
	}
	return append(all, figure.NewSeries("floor", figure.Dashed, figure.Positions(fitLength),
		f.floor))
}

// seen replaces errors that are rounding by NaN, which is not drawn: their
// ups and downs on a logarithmic axis say nothing.
func seen(errors []float64) []float64 {
	kept := make([]float64, len(errors))
	for i, e := range errors {
		if kept[i] = e; e < 1e-12 {
			kept[i] = math.NaN()
		}
	}
	return kept
}

// here marks x by a vertical line as high as the series.
func here(x int, all []figure.Series) figure.Series {
	high := 0.0
	for _, s := range all {
		for _, y := range s.Y {
			high = max(high, y)
		}
	}
	return figure.NewSeries("", figure.Dashed, []float64{float64(x), float64(x)},
		[]float64{0, high})
}

func norm2(x []float64) float64 {
	var sum float64
	for _, v := range x {
		sum += v * v
	}
	return sum
}

// transpose returns the first rows of x (…, columns) as (columns, rows).
func transpose(x []float64, rows, columns int) []float64 {
	y := make([]float64, rows*columns)
	for i := range rows {
		for j := range columns {
			y[j*rows+i] = x[i*columns+j]
		}
	}
	return y
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
