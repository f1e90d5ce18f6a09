// The Transformer of the story: one layer of linear attention on the plane read as
// complex numbers, where a rotation by θ is a multiplication by λ = e^{iθ}.

package web

import (
	"context"
	"errors"
	"math"
	"math/cmplx"

	"icar/ar"
	"icar/estimator"
	"icar/theory"
)

// What the layer is trained on: sequences of the unit circle, rotated by a fresh angle
// each, with contexts of T = 2 to layerLength tokens.
const (
	layerLength = 10
	layerBatch  = 16
	layerSteps  = 600
	layerRate   = 0.03
	layerStart  = 0.03 // standard deviation of the initial weights
)

// layer is the trained layer. Its six weights are what is left of W_Q, W_K and W_V
// for tokens (0, s_t, s_{t-1}) of one complex coordinate: nothing is left out.
type layer struct{ theory.BlockScalar }

// trainLayer trains the layer by Adam on fresh sequences, always to the same bits. It
// takes some milliseconds. The error is the context's.
func trainLayer(ctx context.Context) (*layer, error) {
	m := &layer{theory.BlockScalar{D: 1}}
	theory.Initialise(m, ar.Rand(1, "web-layer", 0), layerStart)
	process := ar.New(ar.Unitary, 1)
	batch := make([][]complex128, layerBatch)
	var err error // of what cannot fail: the process has complex states
	loss := func(step uint64, gradient []float64) float64 {
		r := ar.Rand(1, "web-layer-batch", step)
		for i := range batch {
			batch[i], err = ar.Rollout[complex128](process, process.Context(r), layerLength+1, nil)
			if err != nil {
				return math.NaN()
			}
		}
		return m.SampledLoss(batch, gradient)
	}
	err = errors.Join(theory.Fit(ctx, m, loss,
		theory.Schedule{Steps: layerSteps, Rate: layerRate}), err)
	if m.V[0] < 0 { // the sign of scores and values is free: a value points along its token
		for i := range m.M {
			m.M[i] = -m.M[i]
		}
		m.V = [2]float64{-m.V[0], -m.V[1]}
	}
	return m, err
}

// eta is the size of the gradient step in the layer: the weight of s_t with the score
// of ⟨s_{t-1}, s_T⟩.
func (m *layer) eta() float64 { return m.M[1] * m.V[0] }

// predict returns what the layer takes for the next token after s.
func (m *layer) predict(s []complex128) complex128 { return m.Predict(s)[0] }

// gradientStepOn returns the prediction η Σ_t s_t ⟨s_{t-1}, s_T⟩ of one gradient step.
func gradientStepOn(s []complex128, eta float64) complex128 {
	var sum complex128
	for t := 1; t < len(s); t++ {
		sum += s[t] * cmplx.Conj(s[t-1])
	}
	return complex(eta, 0) * sum * s[len(s)-1]
}

// leastSquaresOn returns the prediction of least squares, which takes the plane for
// real pairs and any matrix for possible.
func leastSquaresOn(s []complex128) (complex128, error) {
	var last []float64
	err := estimator.Walk(estimator.LeastSquares{}, estimator.Sequence{D: 2, T: len(s)},
		realPairs(s), func(_ int, prediction []float64, _ estimator.Stream) {
			last = append(last[:0], prediction...)
		})
	if err != nil {
		return 0, err
	}
	return complex(last[0], last[1]), nil
}

// realPairs writes complex numbers (n) as real pairs (n, 2).
func realPairs(s []complex128) []float64 {
	var x []float64
	for _, z := range s {
		x = append(x, real(z), imag(z))
	}
	return x
}

// seenToken is what the layer makes of a token: what it is found by, what it says, how
// much the last token asks for it, and what it adds to the prediction.
type seenToken struct {
	key, value, score, adds complex128
}

// look returns the query of the last token of s (T), and what the layer makes of each
// token. The scores are those of the weights M_{bc} of ⟨s_{t-b}, s_{T-c}⟩; a head has
// them as the product of its queries and keys. Shown are the query and the keys along
// the largest singular direction of M, which carry its share of M.
func (m *layer) look(s []complex128) (query complex128, tokens []seenToken, share float64) {
	before := func(t, lag int) complex128 {
		if t-lag < 0 {
			return 0
		}
		return s[t-lag]
	}
	last := len(s) - 1
	left, right, share := leading([2][2]float64{{m.M[0], m.M[2]}, {m.M[1], m.M[3]}})
	query = complex(right[0], 0)*before(last, 0) + complex(right[1], 0)*before(last, 1)
	for t := range s {
		var token seenToken
		token.key = complex(left[0], 0)*before(t, 0) + complex(left[1], 0)*before(t, 1)
		for b := range 2 {
			for c := range 2 {
				token.score += complex(m.M[2*c+b], 0) * cmplx.Conj(before(t, b)) * before(last, c)
			}
			token.value += complex(m.V[b], 0) * before(t, b)
		}
		token.adds = token.score * token.value
		tokens = append(tokens, token)
	}
	return query, tokens, share
}

// leading returns the largest singular direction σ u vᵀ of a matrix as √σ u and √σ v,
// u's larger entry positive, and the share σ²/|M|² of the matrix that it is.
func leading(m [2][2]float64) (left, right [2]float64, share float64) {
	// The right singular vector is the eigenvector of MᵀM, at half the angle of
	// (a - c, 2b) for MᵀM = [[a, b], [b, c]].
	a := m[0][0]*m[0][0] + m[1][0]*m[1][0]
	b := m[0][0]*m[0][1] + m[1][0]*m[1][1]
	c := m[0][1]*m[0][1] + m[1][1]*m[1][1]
	sin, cos := math.Sincos(math.Atan2(2*b, a-c) / 2)
	x, y := m[0][0]*cos+m[0][1]*sin, m[1][0]*cos+m[1][1]*sin // σ u
	sigma := math.Hypot(x, y)
	if sigma == 0 {
		return left, right, 0
	}
	root := math.Sqrt(sigma)
	left, right = [2]float64{x / root, y / root}, [2]float64{cos * root, sin * root}
	if big := left[0] + left[1]; big < 0 {
		for i := range 2 {
			left[i], right[i] = -left[i], -right[i]
		}
	}
	return left, right, sigma * sigma / (a + c)
}
