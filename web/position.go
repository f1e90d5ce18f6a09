// The encoding alone: in closed form. Tmax longest context.

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

var positionParameters = []parameter{
	number("mu", "spread of the angles μ", 50, 1, 400, 1, "context spread: angles are U[0, 2π/μ]"),
	number("logk", "iterations, log₁₀", 3, 0, 6, 0.05,
		"iterations of gradient descent, as a power of ten"),
	number("tmax", "longest context T_{max}", 30, 5, 40, 1, "longest context"),
	number("row", "row T of P", 30, 5, 40, 1, "the row that a cosine is fitted to, at most Tmax"),
	number("theta", "angle θ of the identity", 0.5, 0, 3.14, 0.01, "angle of the identity below"),
	number("t", "power T of the identity", 6, 1, 20, 1, "power of the identity below"),
}

// positionRate is the learning rate of the paper's Fig. 6.
const positionRate = 0.5

type positionKey struct{ mu, tmax int }

// position shows the encoding after any number of iterations, at once.
func (s *Server) position(ctx context.Context, v values) (Document, error) {
	key := positionKey{v.integer("mu"), v.integer("tmax")}
	row := min(v.integer("row"), key.tmax)
	descent, err := s.descents.get(ctx, key, func(context.Context) (*theory.PositionDescent, error) {
		p := theory.Position{Tmax: key.tmax, Mu: float64(key.mu), Rho: 1, Noise: ar.CircularNoise}
		if err := p.Check(); err != nil {
			return nil, bad(err)
		}
		return theory.NewPositionDescent(p.Rows(), positionRate)
	})
	if err != nil {
		return Document{}, err
	}
	k := int(math.Round(math.Pow(10, v.number("logk"))))
	encoding := descent.At(k)
	var doc Document
	doc.figure("encoding", fmt.Sprintf("P after %d iterations", k),
		"Row T - 1 weighs s_1 … s_T. Close angles (large μ) leave long waves along the rows.", 1,
		heatmap("", "token t", "row T - 1", key.tmax, key.tmax, encoding))
	doc.wave(encoding[(row-2)*key.tmax : (row-2)*key.tmax+row])
	x, y := lossCurve(descent)
	loss := descent.Loss(k)
	doc.figure("loss", "Loss of gradient descent",
		"Any number of iterations costs the same: the descent is solved in the eigenbasis of each row.",
		1,
		lines("", logarithmic("iterations"), logarithmic("mean loss"),
			figure.NewSeries("loss", figure.Solid, x, y),
			figure.NewSeries("now", figure.Points, []float64{float64(k)}, []float64{loss})))
	doc.say("wave", "After %s the mean loss is %s. %s", plural(k, "iteration"),
		figure.Text(loss), doc.Figures[1].Caption)
	doc.factNumber("mean loss now", loss)
	doc.identity(v.number("theta"), v.integer("t"))
	return doc, nil
}

// enough is the share of a row's variance from which on the page calls the row
// by the name of the curve that was fitted to it.
const enough = 0.95

// wave draws the weights of a row, the cosine nearest to them, and says what the
// row is.
func (doc *Document) wave(weights []float64) {
	row := len(weights)
	series := []figure.Series{figure.NewSeries("p_t", figure.Points, figure.Positions(row),
		weights)}
	caption := "The row is constant."
	if cosine, err := theory.FitCosine(weights); err == nil {
		series = append(series, figure.NewSeries("the nearest cosine", figure.Solid,
			figure.Positions(row), cosine.Curve(row)))
		caption = shape(cosine, row)
		doc.fact("share of the row's variance that the nearest cosine explains", "%.3f", cosine.R2)
		doc.fact("periods of that cosine along the row", "%.2f", periods(cosine, row))
	}
	doc.figure("row", fmt.Sprintf("The row of T = %d and the cosine nearest to it", row), caption,
		1,
		lines("", linear("token t"), linear("p_t"), series...))
}

// periods is how many of its periods a cosine runs through along a row.
func periods(c theory.Cosine, row int) float64 {
	return c.Frequency * float64(row-1) / (2 * math.Pi)
}

// shape says what a row is, given the cosine nearest to it. A cosine that runs
// through less than half a period has no frequency that could be read off: as
// the frequency goes to 0, the cosines with a mean become the parabolas.
func shape(c theory.Cosine, row int) string {
	short := periods(c, row) < 0.5
	switch {
	case c.R2 >= enough && short:
		return "The row is smooth and no more: the nearest cosine is less than half a period " +
			"long, and so near its top or bottom a cosine is a parabola."
	case c.R2 >= enough:
		return fmt.Sprintf("The row is a cosine of %.2f periods.", periods(c, row))
	case short:
		return "The row is no cosine: it swings, and more widely towards the newest token. The " +
			"nearest cosine is less than half a period long, which is a parabola."
	}
	return "The row is no cosine: even the nearest one leaves much of it."
}

func lossCurve(d *theory.PositionDescent) (x, y []float64) {
	for i := range 61 {
		k := int(math.Round(math.Pow(10, float64(i)/10)))
		x, y = append(x, float64(k)), append(y, d.Loss(k))
	}
	return x, y
}

// identity draws λ^{T+1} = 2cosθ λ^T - λ^{T-1} as arrows in the complex plane.
func (doc *Document) identity(theta float64, t int) {
	power := func(k int) complex128 { return cmplx.Rect(1, theta*float64(k)) }
	arrow := func(label string, style figure.Style, from, to complex128) figure.Series {
		return figure.NewSeries(label, style, []float64{real(from), real(to)},
			[]float64{imag(from), imag(to)})
	}
	twice := complex(2*math.Cos(theta), 0) * power(t)
	var x, y []float64
	for i := range 97 {
		z := cmplx.Rect(1, 2*math.Pi*float64(i)/96)
		x, y = append(x, real(z)), append(y, imag(z))
	}
	doc.figure("identity", "λ^{T+1} = 2cosθ λ^T - λ^{T-1}",
		"From 2cosθ λ^T go back along λ^{T-1}: you are at the next power, on the circle. "+
			"Rotations are predicted without division.", 1,
		figure.Panel{Kind: figure.Plane, X: linear("real"), Y: linear("imaginary"),
			Series: []figure.Series{
				arrow("2cosθ λ^T", figure.Solid, 0, twice),
				arrow("-λ^{T-1}", figure.Solid, twice, twice-power(t-1)),
				arrow("λ^{T+1}", figure.Solid, 0, power(t+1)),
				arrow("λ^T", figure.Dashed, 0, power(t)),
				figure.NewSeries("", figure.Dashed, x, y),
			}})
	doc.fact("2cosθ", "%s", figure.Text(2*math.Cos(theta)))
}
