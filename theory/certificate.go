package theory

import (
	"fmt"
	"math"

	"icar/ar"
)

// Verdict says what the weights of a diagonal attention are.
type Verdict string

const (
	// GlobalMinimum: the excess is below 1e-12 of the loss of the zero
	// prediction. The excess is a sum of squared coefficients, so each of
	// them is right to about 1e-6, which gradient descent reaches and rounding
	// (1e-16 of the loss) does not blur.
	GlobalMinimum Verdict = "global minimum"
	// NearMinimum: the excess is below 1e-4 of the loss of the zero
	// prediction, coefficients are right to about 1e-2.
	NearMinimum Verdict = "near a global minimum"
	// Valley: rotation, d/2 < H < d, an excess as small as that, but a κ
	// nearer to -1 than to 1: the loss falls to the minimum at infinity only.
	Valley Verdict = "valley at infinity"
	// Trap: above the minimum, and to first order no change of the weights by
	// their own size changes the loss by more than 1e-6 of what the model has
	// gained over the zero prediction.
	Trap Verdict = "trap"
	// NotMinimum is everything else.
	NotMinimum Verdict = "not a minimum"
)

// The thresholds of Verdict, relative to d per context length, the loss of the
// zero prediction, and to the gain over it.
const (
	certainExcess   = 1e-12
	nearExcess      = 1e-4
	stationaryShare = 1e-6
)

// Certificate compares the weights of a diagonal attention with the proved
// global minima. No field is NaN; only the two bounds can be infinite.
type Certificate struct {
	// Loss is Σ_{T=2..Tmax} ℓ_T, Minimum its least value for this H and
	// Excess the difference; ExcessPerT is that of each ℓ_T at index T-2.
	Loss, Minimum, Excess float64
	ExcessPerT            []float64
	// Gauge is c, of either sign: tr C over the number of coordinates that H
	// heads serve at a minimum. 0 when the trace is.
	Gauge float64
	// Kappa is the coupling (C_iī + C_īi)/(C_ii + C_īī) of each conjugate
	// pair (D/2); nil for the unitary family. A pair with C_ii + C_īī below
	// 1e-3 of the gauge's 2c is not served, and its entry is 0.
	Kappa []float64
	// Ratio is p_{T-1}/p_T at index T-2; 0 where p_T is 0.
	Ratio []float64
	// KappaBound bounds |κ - 1| for every pair and RatioBound bounds
	// |Ratio + ½| at index T-2, proved from ExcessPerT for rotations with
	// d/2 ≤ H < d; Ratio serves only to exclude the valley. +Inf means: no
	// bound is proved.
	KappaBound float64
	RatioBound []float64
	// ResidualC is |C - C*|/|C*| in the Frobenius norm, C* the nearest C of a
	// global minimum with this gauge: c times a projector of rank min(H, d),
	// or blocks c[[1, κ], [κ, 1]] on the pairs served. ResidualP is the same
	// for P with the gauge and κ of C*: 1/c on the superdiagonal, the ratio
	// -κ/(1+κ) left of it, else 0. For the unitary family the error of p_{T-1}
	// counts |C1|/|C|_F times (at most once): where Π1 = 0 it is free. Both are
	// 1 when the gauge is 0, ResidualP is also when κ = -1: no minimum to
	// compare with.
	ResidualC, ResidualP float64
	// HeadOverlap is the largest |cosine| between two heads, over A and B.
	// OrthogonalHeads says whether theory claims 0 for minima reached from a
	// small start: H ≤ D (unitary), H ≤ D/2 (rotation), where C is a multiple
	// of a projector of rank H and AAᵀ = BBᵀ forces AAᵀ = |c| I.
	HeadOverlap     float64
	OrthogonalHeads bool
	// GradientNorm is the Euclidean norm of the gradient of Loss over A, B
	// and P.
	GradientNorm float64
	Verdict      Verdict
}

// Certify measures how far m is from the global minima of the family. It
// fails for a family other than unitary and rotation and for weights whose
// loss is not finite.
func Certify(m *Diagonal, f ar.Family) (Certificate, error) {
	losses, err := m.Losses(f)
	if err != nil {
		return Certificate{}, err
	}
	least, err := PlainMinimum(f, m.D, m.H)
	if err != nil {
		return Certificate{}, err
	}
	g, err := NewDiagonal(m.H, m.D, m.Tmax)
	if err != nil {
		return Certificate{}, err
	}
	if _, err := m.Gradient(f, g); err != nil {
		return Certificate{}, err
	}
	c := Certificate{
		Minimum:         least * float64(m.Tmax-1),
		GradientNorm:    g.norm(),
		HeadOverlap:     max(overlap(m.A, m.D), overlap(m.B, m.D)),
		OrthogonalHeads: m.H <= m.D/served(f, m.D, 1),
	}
	for i, x := range losses {
		c.Loss += x
		c.ExcessPerT = append(c.ExcessPerT, x-least)
		c.Excess += x - least
		w := m.weights(i + 2)
		ratio := 0.0
		if w[i+1] != 0 {
			ratio = w[i] / w[i+1]
		}
		c.Ratio = append(c.Ratio, ratio)
	}
	if math.IsNaN(c.Loss) || math.IsInf(c.Loss, 0) {
		return Certificate{}, fmt.Errorf("the loss is %v: a certificate needs finite weights of "+
			"moderate size", c.Loss)
	}
	c.compare(m, f)
	c.bound(m, f, losses)
	c.judge(m, f)
	return c, nil
}

// bound sets KappaBound and RatioBound. κ does not depend on T, so that the
// best T bounds it.
func (c *Certificate) bound(m *Diagonal, f ar.Family, losses []float64) {
	c.KappaBound = math.Inf(1)
	c.RatioBound = make([]float64, len(losses))
	// Rounding of C = BᵀA, relative to which the loss is exact.
	rounding := float64(m.H) * 0x1p-52 * math.Sqrt(sumSquares(m.A)*sumSquares(m.B))
	for i, loss := range losses {
		c.RatioBound[i] = math.Inf(1)
		if f != ar.Rotation || m.H < m.D/2 || m.H >= m.D {
			continue
		}
		w := m.weights(i + 2)
		root := math.Sqrt(loss) + rounding*(math.Abs(w[i+1])+math.Sqrt(float64(m.D))*math.Abs(w[i]))
		kappa, ratio := couplingBound(root, c.Ratio[i], m.D, m.H, i+2)
		c.KappaBound = min(c.KappaBound, kappa)
		c.RatioBound[i] = ratio
	}
}

// judge sets Verdict.
func (c *Certificate) judge(m *Diagonal, f ar.Family) {
	zero := float64(m.D * (m.Tmax - 1)) // the loss of the zero prediction
	near := c.Excess <= nearExcess*zero
	kappa := math.Inf(1)
	for _, x := range c.Kappa {
		kappa = min(kappa, x)
	}
	switch {
	case near && kappa < 0 && m.H > m.D/2 && m.H < m.D:
		c.Verdict = Valley
	case c.Excess <= certainExcess*zero:
		c.Verdict = GlobalMinimum
	case near:
		c.Verdict = NearMinimum
	case c.GradientNorm*m.norm() <= stationaryShare*math.Abs(zero-c.Loss):
		c.Verdict = Trap
	default:
		c.Verdict = NotMinimum
	}
}
