package web

import (
	"context"
	"fmt"
	"net/http"

	"icar/ar"
	"icar/estimator"
	"icar/figure"
	"icar/nn"
	"icar/probe"
	"icar/train"
)

// Sizes of what is looked at inside a model, so that an answer takes a second
// at most.
const (
	probed       = 8   // sequences
	maxMaps      = 12  // attention maps drawn
	maxEmbed     = 64  // d and D of a model that is probed
	maxHeadDepth = 16  // its heads times layers
	maxLength    = 100 // its context length

	// maxWork bounds the multiplications, see work: some tenths of a second.
	maxWork = 300_000_000
)

var insideParameters = []parameter{
	{name: "run", symbol: "run", means: "path of a run below the folder of runs", many: 1},
	number("t", "T", 8, 1, maxLength, 1, "context length at which Γ is shown, at most the model's"),
}

// inside shows what the model of a run computes on test sequences.
func (s *Server) inside(ctx context.Context, v values) (Document, error) {
	if v["run"] == "" {
		return Document{}, refuse(http.StatusBadRequest, "run is missing: give the path of a run, as /api/runs lists them")
	}
	r, err := s.shelf.find(ctx, v["run"])
	if err != nil {
		return Document{}, err
	}
	c := r.config
	if err := fitsPage(c); err != nil {
		return Document{}, err
	}
	net, err := s.shelf.root.loadIn(r.path, c)
	if err != nil {
		return Document{}, err
	}
	return look(ctx, c, net, min(v.integer("t"), c.Length))
}

// fitsPage refuses models whose pictures would take long.
func fitsPage(c train.Config) error {
	if c.Embed > maxEmbed || c.D > maxEmbed || c.Heads*c.Depth > maxHeadDepth || c.Length > maxLength || work(c) > maxWork {
		return refuse(http.StatusUnprocessableEntity, "the model is too large to be looked into here (d and embed ≤ %d, heads × depth ≤ %d, length ≤ %d, and not all of them at once): use icar probe", maxEmbed, maxHeadDepth, maxLength)
	}
	return nil
}

// work is about how many multiplications it takes to look into a model: in each
// layer, for each token of each sequence, the four maps of every head, its
// scores and averages, and the two maps of the MLP, whose hidden units are mlp
// times embed; once forward, and back for each of the d coordinates of a
// prediction, which is twice that; and some d³ for each of the estimators beside.
// In floating point since an int could overflow.
func work(c train.Config) float64 {
	const beside = 15
	d, e, t := float64(c.D), float64(c.Embed), float64(c.Length)
	token := float64(c.Depth) * (float64(c.Heads)*(4*e*e+t*e) + 2*float64(c.MLP)*e*e)
	return probed * t * (token*(1+2*d) + beside*d*d*d)
}

// look probes a model on the first test sequences of its configuration.
func look(ctx context.Context, c train.Config, net *nn.Transformer[float32], t int) (Document, error) {
	var doc Document
	m, err := probe.New(c, net)
	if err != nil {
		return doc, err
	}
	sequences, err := train.Sequences(c, train.TestStream, probed)
	if err != nil {
		return doc, err
	}
	maps, err := m.Maps(ctx, sequences)
	if err != nil {
		return doc, unreadable(err)
	}
	d := maps.D
	doc.figure("gamma", fmt.Sprintf("In-context map after %s", plural(t, "token")), "W of a test sequence, Γ that the model has made of the context, and that of least squares.", 3,
		heatmap("W", "", "", d, d, sequences.Contexts[0].W), heatmap("Γ of the model", "", "", d, d, maps.At(0, t-1)), leastSquaresMap(sequences, t))
	if err := doc.align(ctx, maps, sequences); err != nil {
		return doc, err
	}
	attention, err := m.Attention(ctx, sequences)
	if err != nil {
		return doc, err
	}
	var panels []figure.Panel
	for _, a := range attention[:min(len(attention), maxMaps)] {
		panels = append(panels, a.Panel())
	}
	doc.figure("attention", "Attention maps", "Mean size of the attention of a token, the query, to those up to it.", 3, panels...)
	return doc, nil
}

func leastSquaresMap(b ar.Batch[float64], t int) figure.Panel {
	gamma := make([]float64, b.D*b.D)
	// Least squares takes any sequence.
	_ = estimator.Walk(estimator.LeastSquares{}, estimator.Sequence{D: b.D, T: t}, b.States, func(i int, _ []float64, s estimator.Stream) {
		if i == t-1 {
			s.Map(gamma)
		}
	})
	return heatmap("Γ of least squares", "", "", b.D, b.D, gamma)
}

// align draws how like the classical algorithms the model is, by position.
func (doc *Document) align(ctx context.Context, maps probe.Maps, sequences ar.Batch[float64]) error {
	one, err := estimator.FitPerPositionStep(ctx, sequences)
	if err != nil {
		return err
	}
	var series []figure.Series
	for _, e := range []named{{"one gradient step", one}, {"3 steps of Chebyshev", estimator.Chebyshev{K: 3}}, {"least squares", estimator.LeastSquares{}}} {
		a, err := maps.Align(ctx, sequences, e.Estimator)
		if err != nil {
			return err
		}
		series = append(series, figure.NewSeries(e.label, figure.Solid, figure.Positions(maps.T), a.Cosine))
		doc.factNumber("mean cosine with "+e.label, a.MeanCosine())
	}
	doc.figure("alignment", "Which algorithm the model is like", "Cosine between Γ of the model and Γ of the algorithm, mean over 8 test sequences.", 1,
		lines("", linear("context length T"), linear("cosine of Γ and Γ'"), series...))
	return nil
}
