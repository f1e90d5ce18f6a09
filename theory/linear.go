package theory

import "math/rand/v2"

// Shapes: B sequences of a batch, T time, D width of a token, H heads.

// LinearAttention is one layer of linear attention on the augmented tokens
// e_t = (0, s_t, s_{t-1}), s_0 := 0, of Sander et al. 2024. After
// the tokens s_1 … s_T it predicts
//
//	Σ_{t≤T} <key_t, query_T> value_t,
//
// where the value is a combination of s_t and s_{t-1}, the key too, the query
// one of s_T and s_{T-1}, and the scalar product conjugates the key. Such a
// prediction is linear in s_T and s_{T-1} with the matrices Γ of InContextMap,
// which is how one layer learns W from the context and applies it at once.
//
// A sequence is row-major (T, d), s_1 first. A batch holds sequences of
// Tmax+1 tokens, and losses sum |prediction - s_{T+1}|² over the coordinates
// and over T = 2 … Tmax: at T = 1 nothing is known of W.
type LinearAttention interface {
	// Predict returns the prediction (d) of the token after the last of s.
	// It is the definition written out, the reference of everything else.
	Predict(s []complex128) []complex128
	// InContextMap returns the matrices Γ_0 and Γ_1 (d, d) of the prediction
	// Γ_0 s_T + Γ_1 s_{T-1} after the T tokens of s.
	InContextMap(s []complex128) (current, previous []complex128)
	// SampledLoss returns the loss, averaged over the batch, and writes its
	// gradient over Parameters. It takes O(T D²) a sequence.
	SampledLoss(batch [][]complex128, gradient []float64) float64
	// Parameters returns a copy of the weights as real numbers, a complex
	// weight as its real and then its imaginary part.
	Parameters() []float64
	// SetParameters is the inverse of Parameters.
	SetParameters(x []float64)
}

var (
	_ LinearAttention = (*BlockScalar)(nil)
	_ LinearAttention = (*DiagonalHeads)(nil)
	_ LinearAttention = (*Dense)(nil)
)

// Initialise draws every parameter of the model from N(0, scale²). All weights
// zero is a saddle of the loss, so descent starts from a small scale > 0.
func Initialise(m LinearAttention, rng *rand.Rand, scale float64) {
	x := m.Parameters()
	for i := range x {
		x[i] = scale * rng.NormFloat64()
	}
	m.SetParameters(x)
}

// token returns s_t, 1-based, with s_0 = 0.
func token(s []complex128, d, t int) []complex128 {
	if t == 0 {
		return make([]complex128, d)
	}
	return s[(t-1)*d : t*d]
}

// inner returns the scalar product <x, y> = Σ_i x̄_i y_i, the key first.
func inner(x, y []complex128) complex128 {
	sum := complex128(0)
	for i, v := range x {
		sum += complex(real(v), -imag(v)) * y[i]
	}
	return sum
}

// prefixSums are the prefix sums G_ab = Σ_{t≤T} s_{t-a} s_{t-b}ᴴ (2, 2, d, d) of
// value times key, a and b the lags of the value and of the key. They make
// linear attention linear in T: the prediction at T needs only G and s_T,
// s_{T-1}.
type prefixSums [2][2][]complex128

func newPrefixSums(d int) *prefixSums {
	var g prefixSums
	for a := range g {
		for b := range g[a] {
			g[a][b] = make([]complex128, d*d)
		}
	}
	return &g
}

// add takes the token s_t = current and s_{t-1} = previous into the sums.
func (g *prefixSums) add(current, previous []complex128) {
	lagged := [2][]complex128{current, previous}
	for a := range g {
		for b := range g[a] {
			addOuter(g[a][b], lagged[a], lagged[b])
		}
	}
}

// prefixSumsOf returns the sums over all tokens of s.
func prefixSumsOf(s []complex128, d int) *prefixSums {
	g := newPrefixSums(d)
	for t := 1; t <= len(s)/d; t++ {
		g.add(token(s, d, t), token(s, d, t-1))
	}
	return g
}

// positions calls visit for T = 2 … Tmax of a sequence of Tmax+1 tokens with
// the sums G after T tokens, s_T, s_{T-1} and the target s_{T+1}.
func positions(s []complex128, d int, visit func(g *prefixSums,
	current, previous, target []complex128)) {
	g := newPrefixSums(d)
	g.add(token(s, d, 1), token(s, d, 0))
	for t := 2; t < len(s)/d; t++ {
		g.add(token(s, d, t), token(s, d, t-1))
		visit(g, token(s, d, t), token(s, d, t-1), token(s, d, t+1))
	}
}

// The three products below are written out because at the widths of the
// theory, D ≤ 10, calling cblas128 takes twice as long.

// addOuter adds x yᴴ to m (d, d).
func addOuter(m, x, y []complex128) {
	d := len(x)
	for i, u := range x {
		row := m[i*d : i*d+d]
		for j, v := range y {
			row[j] += u * complex(real(v), -imag(v))
		}
	}
}

// addProduct adds m x to out, m (d, d).
func addProduct(out, m, x []complex128) {
	d := len(x)
	for i := range out {
		sum := out[i]
		for j, v := range m[i*d : i*d+d] {
			sum += v * x[j]
		}
		out[i] = sum
	}
}

// addAdjointProduct adds mᴴ x to out, m (d, d).
func addAdjointProduct(out, m, x []complex128) {
	d := len(x)
	for i, u := range x {
		for j, v := range m[i*d : i*d+d] {
			out[j] += complex(real(v), -imag(v)) * u
		}
	}
}
