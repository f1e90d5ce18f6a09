package sander2024

import (
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"

	"icar/text"
)

// The paper's figure takes windows of five tokens, fits to each a W of its own
// by least squares, rolls the window out from its first token, and draws the
// errors of the text and of the same tokens in random order.
//
// The authors' script takes the first 10,000 windows of the book, one after
// the other, vectors of norm 1, and the mean squared error over a window's
// tokens, the first with its error 0 included, and coordinates; windows with
// one of 1e-12 or less, which are fitted exactly, it leaves out of the figure.
// Ours draws the windows from the whole book, leaves the vectors as they are,
// takes the error relative to the window's size, and counts the exact ones too.
//
// Reference: https://github.com/michaelsdr/ical, validation_token_encoding.py.

// rollouts are the errors of windows, each with its own W.
type rollouts struct {
	Windows  int     `json:"windows"`
	Exact    float64 `json:"exact"`    // share fitted exactly
	Branches float64 `json:"branches"` // share where a token has two successors
	Differ   int     `json:"differ"`   // windows that are one but not the other's contrary
	// Branches expected of these tokens in random order; 0 where it is not computed
	Chance float64   `json:"chance"`
	Mean   float64   `json:"mean"`    // error, all windows
	Rest   float64   `json:"rest"`    // error, without those fitted exactly
	RestSE float64   `json:"rest_se"` // standard error of Rest
	Bins   []float64 `json:"bins"`    // shares of all windows by error, those fitted exactly left out
}

// windowError is how a protocol measures a window.
type windowError struct {
	of       func(relative float64) float64
	least    float64 // an error up to it is none
	binWidth float64
}

// binCount is how many bins a histogram of errors has; the last takes what is
// beyond.
const binCount = 30

var ourError = windowError{func(e float64) float64 { return e }, text.ExactBelow, 0.05}

// authorsError turns the relative error of a window of unit vectors into their
// mean squared error: its n - 1 predictions are of size 1, over n·d entries.
func authorsError(c textConfig, d int) windowError {
	share := float64(c.Length-1) / float64(c.Length*d)
	return windowError{func(e float64) float64 { return e * e * share }, 1e-12, 0.05 * share}
}

// bothRollouts measures the windows, and windows of their tokens permuted.
func bothRollouts(s *text.Sequence, w text.Windows, e windowError,
	rng *rand.Rand) (real, shuffled *rollouts) {
	real = newRollouts(s, w, e)
	mixed := text.Windows{Length: w.Length, Tokens: slices.Clone(w.Tokens)}
	rng.Shuffle(len(mixed.Tokens), func(i, j int) {
		mixed.Tokens[i], mixed.Tokens[j] = mixed.Tokens[j], mixed.Tokens[i]
	})
	return real, newRollouts(s, mixed, e)
}

func newRollouts(s *text.Sequence, w text.Windows, of windowError) *rollouts {
	n := w.Count()
	r := &rollouts{Windows: n, Bins: make([]float64, binCount)}
	share := 1 / float64(n)
	var rest []float64
	for i := range n {
		window := w.Tokens[i*w.Length : (i+1)*w.Length]
		e, branches := of.of(s.Rollout(window)), text.Branches(window)
		r.Mean += e * share
		if branches {
			r.Branches += share
		}
		if exact := e <= of.least; exact == branches {
			r.Differ++
		}
		if e > of.least {
			rest = append(rest, e)
			r.Bins[min(int(e/of.binWidth), binCount-1)] += share
		}
	}
	r.Exact = 1 - float64(len(rest))*share
	if len(rest) > 1 {
		mean, deviation := stat.MeanStdDev(rest, nil)
		r.Rest, r.RestSE = mean, stat.StdErr(deviation, float64(len(rest)))
	}
	if w.Length <= text.MostPatterned {
		r.Chance = text.BranchChance(w.Tokens, w.Length)
	}
	return r
}
