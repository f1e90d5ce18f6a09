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
	Sequences int `json:"sequences"` // N
	// Detailed is the number of sequences, the first ones, that all but errors and
	// distances of predictions is found out on, 0 if it is all of them.
	Detailed int `json:"detailed,omitempty"`
	// Unfinished says, of a model whose training is not at its end, how far it has come.
	Unfinished  string        `json:"unfinished,omitempty"`
	Nearest     *Nearest      `json:"nearest"`
	Maps        *MapNote      `json:"maps,omitempty"` // what the in-context maps are
	MSE         Mean          `json:"mse"`            // mean squared error
	PositionMSE figure.Values `json:"position_mse"`   // (T)
	Floor       figure.Values `json:"floor"`          // (T) the Bayes floor; null where none is known
	Distance    Distance      `json:"distance"`       // of the in-context map from W
	Spectra     []Spectra     `json:"spectra"`        // at the last position, of the first sequences
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

// MapNote says what the in-context maps of an analysis are.
type MapNote struct {
	Kind      string       `json:"kind"`
	Total     bool         `json:"total"`
	Sequences int          `json:"sequences"` // that they are of, the first ones
	By        *Differenced `json:"differences,omitempty"`
}

func newMapNote(m Maps) *MapNote {
	n := &MapNote{Total: m.Total, Kind: "derivative in s_T with keys and values held fixed",
		Sequences: m.Mapped(), By: m.Differences}
	if m.Total {
		n.Kind = "total derivative in s_T"
	}
	if m.Differences != nil {
		n.Kind += ", by finite differences"
	}
	return n
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
