package probe

// Shapes: N sequences, T positions, d token dimension.

import (
	"encoding/json"

	"icar/figure"
)

// Analysis is all that the package finds out about a model.
//
// What a model does not offer, or what is not known of its sequences, is nil or
// null here and named in Missing.
type Analysis struct {
	Sequences   int           `json:"sequences"`    // N
	MSE         Mean          `json:"mse"`          // mean squared error
	PositionMSE figure.Values `json:"position_mse"` // (T)
	Floor       figure.Values `json:"floor"`        // (T) the Bayes floor; null where none is known
	Distance    Distance      `json:"distance"`     // of the in-context map from W
	Spectra     []Spectra     `json:"spectra"`      // at the last position, of the first sequences
	Alignments  []Aligned     `json:"alignments"`
	Resemblance Resemblance   `json:"resemblance"`
	Heads       []Heads       `json:"heads"`
	Encodings   []Encoding    `json:"encodings"`
	Ablations   []Ablation    `json:"ablations"`
	Path        *PathToStep   `json:"path,omitempty"` // where a gradient step can be constructed

	// Missing names what could not be found out, and why.
	Missing []string `json:"missing,omitempty"`

	Attention []AttentionMap `json:"-"`
}

// Mean is a mean over sequences with its 95 % bootstrap interval over W. All
// three are NaN, and null in JSON, where the mean is of nothing.
type Mean struct{ Value, Low, High float64 }

// MarshalJSON implements json.Marshaler.
func (m Mean) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Value figure.Number `json:"value"`
		Low   figure.Number `json:"low"`
		High  figure.Number `json:"high"`
	}{figure.Number(m.Value), figure.Number(m.Low), figure.Number(m.High)})
}

// Aligned is an Alignment with its means.
type Aligned struct {
	Alignment
	MeanError    float64       `json:"mean_error"` // of the estimator
	MeanDistance float64       `json:"mean_prediction_distance"`
	MeanMap      figure.Number `json:"mean_map_distance"`
	Mean         Mean          `json:"mean_cosine"`
}

// Spectra are the eigenvalues of a hidden matrix and of the map that a model
// has made of its context, as pairs of real and imaginary part.
type Spectra struct {
	W     [][2]float64 `json:"w"`
	Gamma [][2]float64 `json:"gamma"`
}

// PathToStep are mean squared errors on the way from the model to a
// constructed gradient step, see Model.OneStep.
type PathToStep struct {
	Eta   float64       `json:"eta"`
	Alpha []float64     `json:"alpha"`
	MSE   figure.Values `json:"mse"`
}
