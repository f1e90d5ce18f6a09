package estimator

import (
	"fmt"
	"math"

	"icar/ar"
)

// BayesFloor returns the least mean squared error per coordinate that any
// predictor of s_{T+1} can have which knows the process and s_1, …, s_T, for
// T = 1, …, n. With one random direction seen after the other (docs/bayes.md),
//
//	haar           ρ^{2T} (d+1-T)/d² for T ≤ d, then 0
//	so             the same, but 0 at T = d too
//	unitary and    ρ² (1 - |m_1|²) at T = 1, m_1 = E e^{iθ} = (e^{ia} - 1)/(ia),
//	rotation       a = 2π/μ, then 0: s_2 tells every eigenvalue
//
// Over n ≥ d positions the mean for haar with ρ = 1 is (d+1)/(2nd), for so that
// less 1/(nd²). It is an error if the process has noise, for which there is no
// closed form.
func BayesFloor(p ar.Process, n int) ([]float64, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if p.Sigma > 0 {
		return nil, fmt.Errorf("noise level σ = %v: the Bayes floor has a closed form for σ = 0 "+
			"only; compare with the oracle and the Kalman filter", p.Sigma)
	}
	if n < 1 {
		return nil, fmt.Errorf("n = %d positions: use n = 1 or more", n)
	}
	floor := make([]float64, n)
	if p.Family.Diagonal() {
		half := math.Pi / p.Mu
		m1 := math.Sin(half) / half // |m_1|
		floor[0] = p.Rho * p.Rho * (1 - m1*m1)
		return floor, nil
	}
	d := float64(p.D)
	unknown := p.D // positions with something left to learn
	if p.Family == ar.Special {
		unknown--
	}
	for t := range min(n, unknown) {
		floor[t] = math.Pow(p.Rho, 2*float64(t+1)) * (d - float64(t)) / (d * d)
	}
	return floor, nil
}
