package probe

// Shapes: D embed, H heads.

import (
	"fmt"
	"math"

	"icar/figure"

	"gonum.org/v1/gonum/mat"
)

// Heads is the geometry of the heads of a layer: each acts through
// U_h = W_o W_vh (D, D), what it writes, and M_h = W_khᵀ W_qh/√D (D, D), where
// it looks.
type Heads struct {
	Layer int `json:"layer"`
	// Values (H, H) is the Gram matrix of the U_h over their norms, Scores that
	// of the M_h: the cosines between heads, 0 for orthogonal ones.
	// A head that is 0 has none: NaN.
	Values figure.Values `json:"values"`
	Scores figure.Values `json:"scores"`
	Norms  []float64     `json:"norms"` // (H) |U_h||M_h|, how much a head can do
	// EffectiveRank is that of the H by D⁴ matrix of U_h ⊗ M_h scaled by Norms:
	// the exponential of the entropy of its singular values as shares (Roy and
	// Vetterli, EUSIPCO 2007), between 1 and H; 0 if every head is.
	EffectiveRank float64 `json:"effective_rank"`
}

// Heads returns the geometry of the heads of every layer, none of another mixer
// than nn.FullHeads.
func (m *Model) Heads() ([]Heads, error) {
	own, c := m.parameters(), m.Config
	all := []Heads{}
	if c.Mixer != "" {
		return all, nil
	}
	for l := range c.Depth {
		weight := func(name string, rows int) *mat.Dense {
			return mat.NewDense(rows, c.Embed, own[fmt.Sprintf("layers.%d.%s.weight", l, name)])
		}
		q, k, v, o := weight("q", c.Heads*c.Embed), weight("k", c.Heads*c.Embed), weight("v",
			c.Heads*c.Embed), weight("o", c.Embed)
		var values, scores [][]float64
		g := Heads{Layer: l}
		for h := range c.Heads {
			head := func(w *mat.Dense) mat.Matrix {
				return w.Slice(h*c.Embed, (h+1)*c.Embed, 0, c.Embed)
			}
			var u, a mat.Dense
			u.Mul(o, head(v))
			a.Mul(head(k).T(), head(q))
			a.Scale(1/math.Sqrt(float64(c.Embed)), &a)
			values, scores = append(values, u.RawMatrix().Data), append(scores, a.RawMatrix().Data)
			g.Norms = append(g.Norms, norm(u.RawMatrix().Data)*norm(a.RawMatrix().Data))
		}
		g.Values, g.Scores = gram(values), gram(scores)
		// Of rank-one tensors u⊗a the inner product is that of u times that of a.
		product := mat.NewSymDense(c.Heads, nil)
		for i := range c.Heads {
			for j := i; j < c.Heads; j++ {
				product.SetSym(i, j, dot(values[i], values[j])*dot(scores[i], scores[j]))
			}
		}
		var err error
		if g.EffectiveRank, err = effectiveRank(product); err != nil {
			return nil, fmt.Errorf("layer %d: %w", l, err)
		}
		all = append(all, g)
	}
	return all, nil
}

// gram returns the cosines between vectors.
func gram(vectors [][]float64) []float64 {
	var g []float64
	for _, a := range vectors {
		for _, b := range vectors {
			g = append(g, cosine(a, b))
		}
	}
	return g
}

// effectiveRank is that of a matrix X with X Xᵀ = gram.
func effectiveRank(gram *mat.SymDense) (float64, error) {
	var e mat.EigenSym
	if !e.Factorize(gram, true) { // eigenvalues alone go wrong where they are tiny
		return 0, fmt.Errorf("the singular values of the heads did not converge")
	}
	var singular []float64
	sum := 0.0
	for _, v := range e.Values(nil) {
		s := math.Sqrt(max(0, v))
		singular, sum = append(singular, s), sum+s
	}
	if sum == 0 {
		return 0, nil
	}
	entropy := 0.0
	for _, s := range singular {
		if p := s / sum; p > 0 {
			entropy -= p * math.Log(p)
		}
	}
	return math.Exp(entropy), nil
}
