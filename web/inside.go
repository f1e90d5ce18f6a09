package web

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

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
	text("run", "a path", 1, "path of a run below the folder of runs"),
	number("t", "T", 8, 1, maxLength, 1, "context length at which Γ is shown, at most the model's"),
}

// inside shows what the model of a run computes on test sequences. It is looked
// into once, whatever the T that is asked for, until it has changed.
func (s *Server) inside(ctx context.Context, x exchange, v values) error {
	if v["run"] == "" {
		return refuse(statusBad, "run is missing: give the path of a run, as "+
			"/api/runs lists them")
	}
	seen, err := s.shelf.find(ctx, v["run"])
	if err != nil {
		return err
	}
	c := seen.config
	if err := fitsPage(c); err != nil {
		return err
	}
	id, err := s.shelf.root.identify(seen.path, seen.Config)
	if err != nil {
		return err
	}
	t := min(v.integer("t"), c.Length)
	return s.respond(ctx, x, question{x.path(), strconv.Itoa(t), id},
		func(ctx context.Context) (Document, error) {
			i, err := s.insights.get(ctx, id, func(ctx context.Context) (insight, error) {
				net, err := s.shelf.root.loadIn(seen.path, c)
				if err != nil {
					return insight{}, err
				}
				if now, err := s.shelf.root.identify(seen.path, seen.Config); err != nil ||
					now != id {
					return insight{}, refuse(statusBusy,
						"the run has just written a checkpoint: try again in a second")
				}
				return look(ctx, c, net)
			})
			if err != nil {
				return Document{}, err
			}
			return i.at(t), nil
		})
}

// fitsPage refuses models whose pictures would take long.
func fitsPage(c train.Config) error {
	if c.Embed > maxEmbed || c.D > maxEmbed || c.Heads*c.Depth > maxHeadDepth ||
		c.Length > maxLength || work(c) > maxWork {
		return refuse(statusUnusable,
			"the model is too large to be looked into here (d and embed ≤ %d, heads × depth ≤ "+
				"%d, length ≤ %d, and not all of them at once): use icar probe",
			maxEmbed, maxHeadDepth, maxLength)
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

// insight is what was seen in a model: the in-context maps at every T, and what
// is drawn of all T at once.
type insight struct {
	d            int
	w            []float64   // (d, d) of a test sequence; nil where it is not known
	model, least [][]float64 // (T, d, d) the maps Γ of the model and of least squares
	rest         Document
}

// look probes a model on the first test sequences of its configuration.
func look(ctx context.Context, c train.Config, net *nn.Transformer[float32]) (insight, error) {
	m, err := probe.New(c, net)
	if err != nil {
		return insight{}, err
	}
	sequences, err := train.Sequences(c, train.TestStream, probed)
	if errors.As(err, new(train.FileError)) { // which of them is not for a page to say
		return insight{}, unreadable(fmt.Errorf("the sequences of this run, %s, cannot be read or "+
			"have changed: icar probe says which", c.Data))
	}
	if err != nil {
		return insight{}, err
	}
	maps, err := m.Maps(ctx, sequences)
	if err != nil {
		return insight{}, unreadable(err)
	}
	i := insight{d: maps.D, w: sequences.Contexts[0].W, least: leastSquaresMaps(sequences)}
	for t := range maps.T {
		i.model = append(i.model, slices.Clone(maps.At(0, t)))
	}
	if err := i.rest.align(ctx, maps, sequences); err != nil {
		return insight{}, err
	}
	attention, err := m.Attention(ctx, sequences)
	if err != nil {
		return insight{}, err
	}
	var panels []figure.Panel
	for _, a := range attention[:min(len(attention), maxMaps)] {
		panels = append(panels, a.Panel())
	}
	i.rest.figure("attention", "Attention maps",
		"Mean size of the attention of a token, the query, to those up to it.", 3, panels...)
	return i, nil
}

// at draws what was seen, with the maps after t tokens.
func (i insight) at(t int) Document {
	var doc Document
	about := "Γ that the model has made of a test sequence, whose W is not known, and that of " +
		"least squares."
	var panels []figure.Panel
	if i.w != nil {
		about = "W of a test sequence, Γ that the model has made of the context, and that of least " +
			"squares."
		panels = append(panels, heatmap("W", "", "", i.d, i.d, i.w))
	}
	panels = append(panels, heatmap("Γ of the model", "", "", i.d, i.d, i.model[t-1]),
		leastSquaresMap(i.d, i.least[t-1]))
	doc.figure("gamma", fmt.Sprintf("In-context map after %s", plural(t, "token")), about, 3,
		panels...)
	return Document{Figures: append(doc.Figures, i.rest.Figures...), Facts: i.rest.Facts}
}

func leastSquaresMap(d int, gamma []float64) figure.Panel {
	return heatmap("Γ of least squares", "", "", d, d, gamma)
}

// leastSquaresMaps returns Γ (d, d) of least squares on the first sequence at
// every T.
func leastSquaresMaps(b ar.Batch[float64]) (all [][]float64) {
	// Least squares takes any sequence.
	_ = estimator.Walk(estimator.LeastSquares{}, estimator.Sequence{D: b.D, T: b.T}, b.States,
		func(_ int, _ []float64, s estimator.Stream) {
			gamma := make([]float64, b.D*b.D)
			s.Map(gamma)
			all = append(all, gamma)
		})
	return all
}

// align draws how like the classical algorithms the model is, by position.
func (doc *Document) align(ctx context.Context, maps probe.Maps,
	sequences ar.Batch[float64]) error {
	one, err := estimator.FitPerPositionStep(ctx, sequences)
	if err != nil {
		return err
	}
	var series []figure.Series
	for _, e := range []named{{"one gradient step", one},
		{"3 steps of Chebyshev", estimator.Chebyshev{K: 3}},
		{"least squares", estimator.LeastSquares{}}} {
		a, err := maps.Align(ctx, sequences, e.Estimator)
		if err != nil {
			return err
		}
		series = append(series, figure.NewSeries(e.label, figure.Solid, figure.Positions(maps.T),
			a.Cosine))
		doc.factNumber("mean cosine with "+e.label, a.MeanCosine())
	}
	doc.figure("alignment", "Which algorithm the model is like",
		"Cosine between Γ of the model and Γ of the algorithm, mean over 8 test sequences.", 1,
		lines("", linear("context length T"), linear("cosine of Γ and Γ'"), series...))
	return nil
}
