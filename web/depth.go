// What more layers add. d token dimension, L layers.

package web

import (
	"context"
	"fmt"
	"strings"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"icar/ar"
	"icar/estimator"
	"icar/figure"
	"icar/probe"
	"icar/train"
)

var depthParameters = []parameter{
	number("layers", "layers L", 2, 1, 3, 1, "layers of the deepest model"),
	number("d", "dimension d", 3, 3, 4, 1, "token dimension"),
	number("k", "gradient steps k", 2, 2, 10, 1, "gradient steps to compare with"),
}

// deepKey is what a model of the chapter depends on.
type deepKey struct{ d, layers int }

// deep is a trained model of some layers and its error at each position.
type deep struct {
	predictions, errors []float64
}

// deepOf is the setting of a model: layers of linear attention on augmented tokens of
// Haar contexts, with skip connections.
func deepOf(key deepKey) train.Config {
	c := modelOf(fitKey{ar.Haar, key.d, false})
	c.Depth, c.Residual = key.layers, true
	c.Epochs = 48
	return c
}

// deep trains a model, or has trained it before.
func (s *Server) deep(ctx context.Context, key deepKey) (deep, error) {
	return s.deeps.get(context.WithoutCancel(ctx), key, func(ctx context.Context) (deep, error) {
		net, err := s.network(ctx, deepOf(key))
		if err != nil {
			return deep{}, err
		}
		m, err := probe.New(deepOf(key), net)
		if err != nil {
			return deep{}, err
		}
		batch, err := fitBatch(ar.New(ar.Haar, key.d), "web-test")
		if err != nil {
			return deep{}, err
		}
		predictions, err := m.Predict(ctx, batch)
		return deep{predictions, estimator.ErrorsOf(predictions, batch).PerPosition()}, err
	})
}

// depth draws the errors of one layer, two, … L, beside k gradient steps.
func (s *Server) depth(ctx context.Context, v values) (Document, error) {
	d, layers, k := v.integer("d"), v.integer("layers"), v.integer("k")
	var doc Document
	var series []figure.Series
	var models []deep
	for l := 1; l <= layers; l++ {
		m, err := s.deep(ctx, deepKey{d, l})
		if err != nil {
			return doc, err
		}
		models = append(models, m)
		series = append(series, figure.NewSeries(plural(l, "layer"), figure.Solid,
			figure.Positions(fitLength), m.errors))
	}
	f, algorithms, err := s.fitted(ctx, fitKey{ar.Haar, d, false}, k)
	if err != nil {
		return doc, err
	}
	steps := algorithms[1]
	series = append(series, figure.NewSeries(steps.label, figure.Dashed,
		figure.Positions(fitLength), seen(steps.errors)),
		figure.NewSeries("floor", figure.Dashed, figure.Positions(fitLength), f.floor))
	doc.figure("errors", "Error at every position, by layers", "Mean squared error over 128 "+
		"sequences that no model was trained on. Nothing is below the floor; least squares is on "+
		"it.", 1, lines("", linear("context length T"), logarithmic("mean squared error"),
		series...))
	var means []string
	for l, m := range models {
		mean := stat.Mean(m.errors, nil)
		means = append(means, fmt.Sprintf("%s %.4f", plural(l+1, "layer"), mean))
		doc.factNumber("mean error, "+plural(l+1, "layer"), mean)
	}
	fit, floor := stat.Mean(steps.errors, nil), stat.Mean(f.floor, nil)
	doc.factNumber("mean error, "+steps.label, fit)
	doc.factNumber("mean of the floor", floor)
	doc.say("depth", "Mean errors: %s; %s %.4f; the floor %.4f.%s", strings.Join(means, ", "),
		steps.label, fit, floor, deeper(models))
	return doc, nil
}

// deeper says what the last layer has added.
func deeper(models []deep) string {
	n := len(models)
	if n < 2 {
		return " Add a layer."
	}
	ratio := floats.Sum(models[n-1].errors) / floats.Sum(models[n-2].errors)
	if ratio >= 1 {
		return fmt.Sprintf(" Layer %d has not helped: training is short here.", n)
	}
	return fmt.Sprintf(" Layer %d has taken %.0f%% of the error away.", n, 100*(1-ratio))
}
