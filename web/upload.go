package web

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"icar/ar"
	"icar/estimator"
	"icar/figure"
	"icar/internal/npy"
	"icar/nn/safetensors"
	"icar/run"
	"icar/train"
)

// Sizes of what can be dropped on the page.
const (
	maxSequenceBytes = 1 << 20
	maxModelBytes    = 16 << 20
	maxTokens        = 2000 // T of a sequence
	maxDimension     = 16   // d of a sequence
	maxTensors       = 12   // drawn
	maxSide          = 64   // of a tensor that is drawn
)

// sequence runs the estimators on the tokens of a .npy file (T, d).
func (s *Server) sequence(ctx context.Context, file []byte) (Document, error) {
	var doc Document
	shape, data, err := npy.Parse(file)
	if err != nil {
		return doc, unreadable(fmt.Errorf("the sequence: %w", err))
	}
	if len(shape) != 2 || shape[0] < 3 || shape[0] > maxTokens || shape[1] < 1 ||
		shape[1] > maxDimension {
		return doc, refuse(statusUnusable,
			"the sequence has shape %v: it has to be (T, d), 3 ≤ T ≤ %d tokens of d ≤ %d numbers",
			shape, maxTokens, maxDimension)
	}
	for i, x := range data {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return doc, refuse(statusUnusable,
				"the sequence has %v at token %d: it has to be finite", x, i/shape[1]+1)
		}
	}
	t, d := shape[0]-1, shape[1]
	batch := ar.Batch[float64]{N: 1, T: t, D: d, States: data, Contexts: make([]ar.Context, 1)}
	var series []figure.Series
	for _, e := range guessers() {
		errors, err := estimator.MSE(ctx, batch, e.Estimator)
		if err != nil {
			return doc, unreadable(err)
		}
		series = append(series, figure.NewSeries(e.label, figure.Solid, figure.Positions(t),
			errors.PerPosition()))
		doc.factNumber("mean squared error, "+e.label, errors.Mean())
	}
	doc.figure("sequence", fmt.Sprintf("Your sequence: %d tokens, d = %d", t+1, d),
		"Squared error of each estimator's prediction of the next token, at every position.", 2,
		lines("error", linear("position T"), logarithmic("squared error"), series...),
		leastSquaresMap(d, leastSquaresMaps(batch)[t-1]))
	return doc, nil
}

// model lists the tensors of a safetensors file and draws the small matrices.
// A checkpoint of icar says of which configuration it is: it is looked into as
// a run is.
func (s *Server) model(ctx context.Context, file []byte) (Document, error) {
	var doc Document
	f, err := safetensors.Read(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return doc, unreadable(fmt.Errorf("the model: %w", err))
	}
	var panels []figure.Panel
	numbers := 0
	weights := f.Tensors
	if run.Settings(f) != nil { // a checkpoint of icar, which also holds what its optimiser remembers
		whole := f
		whole.Tensors = slices.Clone(f.Tensors) // which Weights takes apart
		if weights, err = run.Weights(whole, "the model"); err != nil {
			return doc, unreadable(err)
		}
	}
	for _, t := range weights {
		size := 1
		for _, n := range t.Shape {
			size *= n
		}
		numbers += size
		if t.DType != safetensors.F32 || len(t.Shape) != 2 ||
			max(t.Shape[0], t.Shape[1]) > maxSide || size == 0 || len(panels) == maxTensors {
			continue
		}
		entries := make([]float64, size)
		if err := safetensors.Floats(entries, t); err != nil {
			return doc, unreadable(err)
		}
		panels = append(panels, heatmap(t.Name, "", "", t.Shape[0], t.Shape[1], entries))
	}
	doc.fact("tensors", "%d", len(weights))
	doc.fact("numbers in them", "%d", numbers)
	if len(panels) == 0 {
		doc.fact("drawn", "none: matrices of float32 up to %d × %d are", maxSide, maxSide)
		err := dropped(ctx, &doc, f, s.options.Catalogue)
		return doc, err
	}
	doc.figure("model", "The matrices of your model",
		fmt.Sprintf("The first %d of at most %d rows and columns.", maxTensors, maxSide), 3,
		panels...)
	err = dropped(ctx, &doc, f, s.options.Catalogue)
	return doc, err
}

// dropped adds to a document what a checkpoint's model computes, if its
// configuration is known and small enough.
func dropped(ctx context.Context, doc *Document, f safetensors.File,
	catalogue *train.Catalogue) error {
	settings := run.Settings(f)
	if settings == nil {
		doc.fact("looked into", "no: only a checkpoint of icar train says of which configuration it is")
		return nil
	}
	c, err := catalogue.Read(settings)
	if err != nil {
		return unreadable(fmt.Errorf("the model's configuration: %w", err))
	}
	if c.Data != "" { // a page opens no file that an upload names
		doc.fact("looked into", "no: its sequences are in %s, which icar probe reads", c.Data)
		return nil
	}
	if err := fitsPage(c); err != nil {
		doc.fact("looked into", "no: %v", err)
		return nil
	}
	weights, err := run.Weights(f, "the model")
	if err != nil {
		return unreadable(err)
	}
	net, err := train.Assemble(c, weights, "the model")
	if err != nil {
		return unreadable(err)
	}
	seen, err := look(ctx, c, net)
	if err != nil {
		return err
	}
	inside := seen.at(c.Length)
	doc.fact("trained on", "%s, d = %d, %s", cmp.Or(c.Law, string(c.Family)), c.D,
		plural(c.Length, "token"))
	doc.Figures, doc.Facts = append(doc.Figures, inside.Figures...), append(doc.Facts,
		inside.Facts...)
	return nil
}
