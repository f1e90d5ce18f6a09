package theory

import "math"

// From a small excess to κ ≈ 1 (ours), for the rotation family with
// d/2 ≤ H < d heads, where the minimum is 0.
//
// Fix T, and write D = p_T C, e_i = D_ii - 1, x_i = D_iī, o_i² = Σ_{j≠i,ī} D_ij²,
// R_i = Σ_{j≠i,ī} D_ij, α = p_{T-1}/p_T (the ratio), ω = Σ_{t≠T,T-1} p_t/p_T,
// β = 1 + α + ω, y = 1 + 2α + ω and b_i = α(1 + e_i + x_i + R_i) + (1+ω)x_i.
// The loss is
//
//	ℓ = Σ_i [ e_i² + o_i² + b_i² ] + v² Σ_i [ (1+e_i)² + o_i² ],  v² = Σ_{t≠T,T-1} (p_t/p_T)².
//
// 1. ω is small. Minimising e² + v²(1+e)² gives d v²/(1+v²) ≤ ℓ, and by
// Cauchy |ω| ≤ √(T-2) v ≤ w := √((T-2) ℓ/(d-ℓ)).
//
// 2. Rank. β x_i = -α(1 + e_i + R_i) + b_i, so βD differs from the block
// matrix of [[β, -α], [-α, β]] by rows of squared norm
// β²(e_i² + o_i²) + (b_i - α(e_i + R_i))² ≤ σ²(e_i² + o_i² + b_i²), where
// σ = σ(β, α) is the largest singular value of [[|β|, 0], [√(d-1)|α|, 1]].
// The blocks have singular values |β+α| = |y| and |β-α| = |1+ω|, each d/2
// times, and rank D ≤ H, so by Eckart and Young
//
//	min(|y|, |1+ω|) ≤ ση,  η = √(ℓ/(d-H)).
//
// 3. The valley is the second of the two. The measured ratio excludes it when
// σ(|1+α| + w, |α|)η < 1 - w; it is used for nothing else.
//
// 4. Then |y| ≤ ση with α = (y-1-ω)/2 and β = (1+ω+y)/2. As σ is a norm,
// σ ≤ σ_0 + |y|√d/2 with σ_0 = σ((1+w)/2, (1+w)/2), so
//
//	|y| ≤ τ := ησ_0/(1 - η√d/2),  |α + ½| ≤ (τ + w)/2.
//
// 5. κ_i = C_iī/C_ii obeys β(κ_i - 1) = -y + (b_i - αR_i)/(1+e_i), and
// |b_i - αR_i| ≤ √(1 + (d-2)α²) √(ℓ - e_i²) is at most √(1 + (d-2)α²)
// √(ℓ/(1-ℓ)) after division by 1+e_i (largest at e_i = -ℓ), so
//
//	|κ_i - 1| ≤ 2[τ + √(1 + (d-2)(1+τ+w)²/4) √(ℓ/(1-ℓ))]/(1 - τ - w).

// couplingBound returns the bounds on |κ_i - 1| and on |p_{T-1}/p_T + ½| that
// a loss ℓ_T = root² at a model with the given ratio p_{T-1}/p_T proves for
// d/2 ≤ h < d heads. Both are +Inf where nothing is proved: the loss is too
// large, or the ratio so large that the valley is not excluded.
func couplingBound(root, ratio float64, d, h, t int) (kappa, deviation float64) {
	none := math.Inf(1)
	loss := root * root
	if !(loss < 1) {
		return none, none
	}
	n := float64(d)
	w := math.Sqrt(float64(t-2) * loss / (n - loss))
	eta := root / math.Sqrt(float64(d-h))
	if !(spread(math.Abs(1+ratio)+w, math.Abs(ratio), n)*eta < 1-w) {
		return none, none
	}
	shrink := 1 - eta*math.Sqrt(n)/2
	tau := eta * spread((1+w)/2, (1+w)/2, n) / shrink
	if shrink <= 0 || tau+w >= 1 {
		return none, none
	}
	alpha := (1 + tau + w) / 2
	kappa = 2 * (tau + math.Sqrt(1+(n-2)*alpha*alpha)*math.Sqrt(loss/(1-loss))) / (1 - tau - w)
	return kappa, (tau + w) / 2
}

// spread is σ(β, α), the largest singular value of [[β, 0], [√(d-1) α, 1]].
func spread(beta, alpha, d float64) float64 {
	sum := beta*beta + (d-1)*alpha*alpha + 1
	return math.Sqrt((sum + math.Sqrt(sum*sum-4*beta*beta)) / 2)
}
