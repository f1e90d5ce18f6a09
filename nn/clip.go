package nn

import "math"

// Clip scales the gradients of all parameters together by bound/|g| where the
// Euclidean norm |g| of all their entries is more than bound > 0, and leaves
// them alone otherwise. The norm is summed in float64 in the order of the
// parameters. A norm that is not finite is left for the caller to find.
//
// Reference: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent
// neural networks", ICML 2013, arXiv 1211.5063, section 3.2.
func Clip[F Float](parameters []Parameter[F], bound float64) {
	square := 0.0
	for _, p := range parameters {
		for _, g := range p.Grad {
			square += float64(g) * float64(g)
		}
	}
	norm := math.Sqrt(square)
	if !(norm > bound) || math.IsInf(norm, 1) {
		return
	}
	scale := F(bound / norm)
	for _, p := range parameters {
		for i := range p.Grad {
			p.Grad[i] *= scale
		}
	}
}
