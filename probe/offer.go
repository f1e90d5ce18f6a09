package probe

// Shapes: N sequences, T positions, d token dimension, D width inside, L layers.

import (
	"context"
	"errors"

	"icar/ar"
)

// Predictor is a model of any kind: all that is asked of one. What more it
// offers, by the interfaces below, is found out about it too; what it does not
// offer is left out and named, see [Analysis.Missing]. A Transformer of package
// nn, a [Model], offers everything.
type Predictor interface {
	// Predict returns the predictions (N, T, d) of s_{T+1} at every position,
	// each from s_1 … s_T alone. The error is about sequences that do not fit
	// the model, or the context's.
	Predict(ctx context.Context, s ar.Batch[float64]) ([]float64, error)
}

// Mapper is a Predictor that can say what matrix Γ it has made of its context.
type Mapper interface {
	// Maps returns the in-context maps with the predictions.
	Maps(ctx context.Context, s ar.Batch[float64]) (Maps, error)
}

// Layered is a Predictor whose layers can be looked at, one by one.
type Layered interface {
	// Hidden returns what every layer passes on, (L)(N, T, D).
	Hidden(ctx context.Context, s ar.Batch[float64]) ([][]float64, error)
	// Initial returns the model before its first step of training. Without that
	// control no likeness of a layer means anything.
	Initial() (Layered, error)
}

// Separable is a Predictor that can do without a part.
type Separable interface {
	// Without lists the parts.
	Without() []Variant
}

// Variant is a model with a part taken out.
type Variant struct {
	Part string
	Head bool // whether the part is a head
	// Model makes it: not before it is asked for, since there may be many.
	Model func() (Predictor, error)
}

// Headed is a Predictor of which the geometry of its heads is known.
type Headed interface {
	Heads() ([]Heads, error)
}

// Encoded is a Predictor with positional encodings, of which it may have none.
type Encoded interface {
	Encodings() ([]Encoding, error)
}

// Attentive is a Predictor with attention that can be seen.
type Attentive interface {
	Attention(ctx context.Context, s ar.Batch[float64]) ([]AttentionMap, error)
}

// Constructible is a Predictor of a shape in which one gradient step can be
// written down.
type Constructible interface {
	// PathToStep returns the errors on the way to a step of size eta.
	PathToStep(ctx context.Context, eta float64, s ar.Batch[float64]) (PathToStep, error)
}

// ErrNotOffered is in the error of a method above whose model turns out not to
// have what it asks for: that is left out, as if the method were not there.
var ErrNotOffered = errors.New("not offered by this model")
