package theory

// Positional encoding alone (Fig. 6 of the paper): one coordinate, one
// head, C = 1, so that only P is left to learn.
//
// T context length, T = 2..Tmax; N = Tmax-1 rows; t, u positions 1..T

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"icar/ar"
)

// Position is the problem of learning the positional encoding alone on
// s_{t+1} = ρ e^{iθ} s_t + σ ε_t, θ ~ U[0, 2π/μ], s_1 = 1. The model predicts
// s_{T+1} from Σ_t p_t s_t² s̄_{T-1}.
type Position struct {
	Tmax  int      // longest context, at least 2
	Mu    float64  // context spread μ, at least 1
	Rho   float64  // contraction ρ, in (0, 1]
	Sigma float64  // noise level σ
	Noise ar.Noise // law of ε; ignored when σ = 0
}

// Check returns an error that says what to change when the problem is not defined.
func (p Position) Check() error {
	if p.Tmax < 2 {
		return fmt.Errorf("longest context Tmax = %d leaves no token before the query s_{T-1}: use "+
			"Tmax = 2 or more", p.Tmax)
	}
	return p.Process().Check()
}

// Process is the law of the sequences.
func (p Position) Process() ar.Process {
	process := ar.New(ar.Unitary, 1)
	process.Mu, process.Rho, process.Sigma = p.Mu, p.Rho, p.Sigma
	if p.Sigma != 0 {
		process.Noise = p.Noise
	}
	return process
}

// moment is m_k = E e^{ikθ} = (e^{ika} - 1)/(ika), a = 2π/μ.
func moment(mu float64, k int) complex128 {
	x := float64(k) * math.Pi / mu // e^{ix} sin(x)/x, the same without cancellation
	if k == 0 {
		return 1
	}
	s, c := math.Sincos(x)
	return complex(c*s/x, s*s/x)
}

// Row returns the population loss of the row of context length T,
// 2 ≤ T ≤ Tmax, as a quadratic form in p_1..p_T.
func (p Position) Row(T int) Quadratic {
	switch {
	case p.Sigma == 0 && p.Rho == 1:
		return p.clean(T)
	case p.Noise == ar.CircularNoise && p.Rho == 1:
		return p.circular(T)
	default:
		return p.matched(T)
	}
}

// Rows returns the losses of T = 2..Tmax.
func (p Position) Rows() []Quadratic {
	rows := make([]Quadratic, p.Tmax-1)
	for i := range rows {
		rows[i] = p.Row(i + 2)
	}
	return rows
}

// clean is the noise-free loss: G_tu = Re m_{2(t-u)}, b_t = Re m_{2(t-T)}.
func (p Position) clean(T int) Quadratic {
	q := newQuadratic(T, 1)
	for t := 1; t <= T; t++ {
		q.B[t-1] = real(moment(p.Mu, 2*(t-T)))
		for u := 1; u <= t; u++ {
			q.G.SetSym(t-1, u-1, real(moment(p.Mu, 2*(t-u))))
		}
	}
	return q
}

// circular is the loss under circular noise, E ε² = 0, with
// c_tu = σ²(min(t,u) - 1) and w = T-1 the position of the query:
//
//	b_t  = Re m_{2(t-T)} [1 + 2c_tw + 2c_tT + 2c_tw c_tT]
//	G_tu = Re m_{2(t-u)} [1 + 4c_tu + 2c_tw + 2c_uw + c_ww + 2c_tu²
//	       + 4c_tu(c_tw + c_uw + c_ww) + 4c_tw c_uw + 2c_tu² c_ww + 4c_tu c_tw c_uw]
//
// by Isserlis' theorem; the target has E|s_{T+1}|² = 1 + σ²T.
func (p Position) circular(T int) Quadratic {
	c := func(t, u int) float64 { return p.Sigma * p.Sigma * float64(min(t, u)-1) }
	q := newQuadratic(T, 1+p.Sigma*p.Sigma*float64(T))
	w := T - 1
	for t := 1; t <= T; t++ {
		tw, tT := c(t, w), c(t, T)
		q.B[t-1] = real(moment(p.Mu, 2*(t-T))) * (1 + 2*tw + 2*tT + 2*tw*tT)
		for u := 1; u <= t; u++ {
			tu, uw, ww := c(t, u), c(u, w), c(w, w)
			q.G.SetSym(t-1, u-1, real(moment(p.Mu, 2*(t-u)))*
				(1+4*tu+2*tw+2*uw+ww+2*tu*tu+4*tu*(tw+uw+ww)+4*tw*uw+2*tu*tu*ww+4*tu*tw*uw))
		}
	}
	return q
}

// Quadratic is a loss pᵀGp - 2bᵀp + c in one row of the encoding.
type Quadratic struct {
	G        *mat.SymDense // (T, T)
	B        []float64     // (T)
	Constant float64
}

func newQuadratic(T int, constant float64) Quadratic {
	return Quadratic{mat.NewSymDense(T, nil), make([]float64, T), constant}
}

// Loss returns pᵀGp - 2bᵀp + c.
func (q Quadratic) Loss(p []float64) float64 {
	v := mat.NewVecDense(len(p), p)
	return mat.Inner(v, q.G, v) - 2*mat.Dot(mat.NewVecDense(len(p), q.B), v) + q.Constant
}

// Gradient sets dst to 2(Gp - b).
func (q Quadratic) Gradient(dst, p []float64) {
	v := mat.NewVecDense(len(dst), dst)
	v.MulVec(q.G, mat.NewVecDense(len(p), p))
	v.SubVec(v, mat.NewVecDense(len(p), q.B))
	v.ScaleVec(2, v)
}
