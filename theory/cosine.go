package theory

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Cosine is y_t ≈ Mean + Amplitude·cos(Frequency·t + Phase), t = 0, 1, …
type Cosine struct {
	Mean, Amplitude  float64 // units of y
	Frequency, Phase float64 // radians per position, radians
	R2               float64 // share of the variance of y that the fit explains
}

// Curve returns the cosine at t = 0..n-1.
func (c Cosine) Curve(n int) []float64 {
	y := make([]float64, n)
	for t := range y {
		y[t] = c.Mean + c.Amplitude*math.Cos(c.Frequency*float64(t)+c.Phase)
	}
	return y
}

// ErrNoVariance says that a constant has no cosine fitted to it.
var ErrNoVariance = errors.New("a constant has no frequency")

// FitCosine fits a cosine by least squares: at a given frequency the fit is
// linear, and the frequency, in (0, π), is found on a grid finer than the
// resolution π/n of n points and then narrowed by golden sections. It takes
// five points or more, one above the number of parameters.
func FitCosine(y []float64) (Cosine, error) {
	n := len(y)
	if n < 5 {
		return Cosine{}, fmt.Errorf("%d points do not determine the four parameters of a cosine: use "+
			"5 or more", n)
	}
	mean := 0.0
	for _, v := range y {
		mean += v / float64(n)
	}
	total := 0.0
	for _, v := range y {
		total += (v - mean) * (v - mean)
	}
	if total <= 1e-24*(1+mean*mean)*float64(n) {
		return Cosine{}, ErrNoVariance
	}
	step := math.Pi / float64(8*n)
	best, bestLeft := step, math.Inf(1)
	for i := 1; i < 8*n; i++ {
		if _, left := cosineAt(y, float64(i)*step); left < bestLeft {
			best, bestLeft = float64(i)*step, left
		}
	}
	lo, hi := max(best-step, step/8), min(best+step, math.Pi-step/8)
	for range 60 { // φ^-60 of the bracket is below rounding
		a, b := hi-(hi-lo)/math.Phi, lo+(hi-lo)/math.Phi
		_, left := cosineAt(y, a)
		if _, right := cosineAt(y, b); left < right {
			hi = b
		} else {
			lo = a
		}
	}
	c, left := cosineAt(y, (lo+hi)/2)
	c.R2 = 1 - left/total
	return c, nil
}

// cosineAt is the linear fit at one frequency and its sum of squares left.
func cosineAt(y []float64, frequency float64) (Cosine, float64) {
	n := len(y)
	x := mat.NewDense(n, 3, nil)
	for t := range y {
		s, c := math.Sincos(frequency * float64(t))
		x.SetRow(t, []float64{1, c, s})
	}
	var coefficients, fit mat.VecDense
	target := mat.NewVecDense(n, y)
	var qr mat.QR
	qr.Factorize(x)
	if err := qr.SolveVecTo(&coefficients, false, target); err != nil {
		return Cosine{}, math.Inf(1)
	}
	fit.MulVec(x, &coefficients)
	fit.SubVec(target, &fit)
	a, b := coefficients.AtVec(1), coefficients.AtVec(2)
	return Cosine{Mean: coefficients.AtVec(0), Amplitude: math.Hypot(a, b), Frequency: frequency,
		Phase: math.Atan2(-b, a)}, mat.Dot(&fit, &fit)
}
