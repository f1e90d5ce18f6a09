// What the encoding learns in place of heads: p_{T-1} = -1/2 p_T. d coordinates, H heads
// of the diagonal attention on rotations, trained while one waits.

package web

import (
	"context"
	"fmt"
	"math"
	"math/cmplx"

	"icar/ar"
	"icar/figure"
	"icar/theory"
)

// Sizes of the training: of a hundredth of a second.
const (
	halfCoordinates = 4
	halfLength      = 6 // Tmax
	halfRate        = 0.01
)

var halfParameters = []parameter{
	number("h", "heads H", 3, 1, halfCoordinates, 1, "heads, for 4 coordinates in 2 pairs"),
	number("logk", "iterations, log₁₀", 4.3, 0, 4.3, 0.1,
		"iterations of gradient descent, as a power of ten"),
	number("seed", "which start", 9, 1, 1000, 1, "which initial weights"),
	number("theta", "angle θ", 0.5, 0, 3.14, 0.01, "angle of the rotation that is continued"),
}

// half trains the layer and shows what its encoding has become.
func (s *Server) half(ctx context.Context, v values) (Document, error) {
	m, err := theory.NewDiagonal(v.integer("h"), halfCoordinates, halfLength)
	if err != nil {
		return Document{}, err
	}
	m.Init(ar.Rand(uint64(v.integer("seed")), "web-half", 0), initSpread)
	k := int(math.Round(math.Pow(10, v.number("logk"))))
	if _, err := m.Descend(ctx, ar.Rotation,
		theory.Descent{LearningRate: halfRate, Iterations: k}); err != nil {
		return Document{}, err
	}
	c, err := theory.Certify(m, ar.Rotation)
	if err != nil {
		return Document{}, err
	}
	var doc Document
	lengths := figure.Positions(halfLength)[1:]
	end := []float64{2, halfLength}
	doc.figure("ratio", "The weight of s_{T-1}, that of s_T being 1", fmt.Sprintf("After %s.",
		plural(k, "iteration")), 1,
		lines("", linear("context length T"), linear("p_{T-1} / p_T"),
			figure.NewSeries("learnt", figure.Points, lengths, c.Ratio),
			figure.NewSeries("-1/2", figure.Dashed, end, []float64{-0.5, -0.5}),
			figure.NewSeries("", figure.Dashed, end, []float64{0, 0})))
	doc.figure("encoding", "The encoding P, and C = BᵀA", "A row of P weighs the tokens of one "+
		"context length.", 2,
		heatmap("P", "token t", "T - 1", halfLength-1, halfLength,
			m.P[:(halfLength-1)*halfLength]),
		heatmap("C", "coordinate", "coordinate", m.D, m.D, m.C()))
	doc.continued(m, v.number("theta"))
	doc.factNumber("loss above its minimum, sum over T", c.Excess)
	doc.fact("κ of each pair", "%s", numbers(c.Kappa))
	doc.fact("p_{T-1} / p_T for T = 2 … 6", "%s", numbers(c.Ratio))
	doc.say("ratio", "%s", halfVerdict(c, m.H))
	return doc, nil
}

// halfVerdict says what the encoding has become, of which heads, and how that is known.
func halfVerdict(c theory.Certificate, h int) string {
	last := len(c.Ratio) - 1
	ratio := fmt.Sprintf("For T = %d, p_{T-1} is %.3f times p_T.", halfLength, c.Ratio[last])
	served := 2 * h
	switch {
	case c.Verdict == theory.NotMinimum:
		return fmt.Sprintf("The loss is still %.2g above its minimum. %s More iterations may "+
			"bring it down; some starts walk down a valley that ends at infinity.", c.Excess, ratio)
	case c.Verdict == theory.Trap:
		return fmt.Sprintf("This start has ended in a trap, %.2g above the minimum, where p_{T-1} "+
			"is anything. %s Take another start.", c.Excess, ratio)
	case c.Verdict == theory.Valley:
		return fmt.Sprintf("This start walks down a valley whose end is at infinity, where p_{T-1} "+
			"grows without bound. %s Take another start.", ratio)
	case h >= halfCoordinates:
		return fmt.Sprintf("There is a head for every coordinate, and p_{T-1} may be anything. %s "+
			"Take a head away.", ratio)
	case served < halfCoordinates:
		return fmt.Sprintf("%s serve %d of %d coordinates. %s", capital(plural(h, "head")), served,
			halfCoordinates, ratio)
	case math.IsInf(c.RatioBound[last], 1):
		return fmt.Sprintf("%s With fewer heads than coordinates the minimum has -1/2.", ratio)
	}
	return fmt.Sprintf("%s With %s for %d coordinates the minimum has -1/2, and so small a loss "+
		"proves it to within %.1g.", ratio, plural(h, "head"), halfCoordinates,
		c.RatioBound[last])
}

// continued draws how the learnt weights of s_T and s_{T-1} continue a rotation by θ:
// 2cosθ s_T - s_{T-1}, had they the ratio -1/2.
func (doc *Document) continued(m *theory.Diagonal, theta float64) {
	s := make([]complex128, (halfLength+1)*m.D)
	for t := range halfLength + 1 {
		for j := range m.D {
			sign := 1.0
			if j%2 == 1 {
				sign = -1
			}
			s[t*m.D+j] = cmplx.Rect(1, sign*theta*float64(t))
		}
	}
	guess := m.Predict(s[:halfLength*m.D], halfLength)[0]
	next := s[halfLength*m.D]
	var seen []complex128
	for t := range halfLength {
		seen = append(seen, s[t*m.D])
	}
	x, y := parts(seen)
	at := func(label string, z complex128) figure.Series {
		return figure.NewSeries(label, figure.Points, []float64{real(z)}, []float64{imag(z)})
	}
	back := complex(2*math.Cos(theta), 0) * seen[halfLength-1]
	doc.figure("continued", "How it continues a rotation", "The first of the coordinates. Grey: "+
		"from 2cosθ s_T back along s_{T-1}, the recursion that holds for every angle.", 1,
		figure.Panel{Kind: figure.Plane, X: linear("real part"), Y: linear("imaginary part"),
			Series: []figure.Series{figure.NewSeries("s_1 … s_T", figure.Points, x, y),
				at("the layer", guess), at("s_{T+1}", next),
				figure.NewSeries("", figure.Dashed, []float64{0, real(back), real(next)},
					[]float64{0, imag(back), imag(next)}),
				circle(1)}})
	doc.say("continued", "For θ = %.2f the layer is %.3f off the next token.", theta,
		cmplx.Abs(guess-next))
}
