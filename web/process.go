// What is hidden: the process s_{t+1} = W s_t + σ ε. D dimension of a real state.

package web

import (
	"context"
	"fmt"
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/floats"

	"icar/ar"
	"icar/estimator"
	"icar/figure"
)

var processParameters = []parameter{
	choice("family", "family of W", "rotation and unitary have d = 2; so and haar have d = 2 or 3",
		"rotation", "so", "haar", "unitary"),
	number("d", "dimension d", 2, 2, 3, 1, "token dimension"),
	number("theta", "angle θ", 0.7, 0, 6.28, 0.01, "angle of W, in radians"),
	number("phi", "second angle φ", 1.9, 0, 6.28, 0.01,
		"unitary: the second angle; d = 3: the tilt of the axis"),
	number("rho", "contraction ρ", 1, 0.5, 1, 0.01, "contraction, the modulus of the eigenvalues"),
	number("sigma", "noise σ", 0, 0, 0.5, 0.01, "noise level"),
	number("shown", "tokens T", 4, 1, 20, 1, "tokens that are shown"),
	number("seed", "draw of the noise", 1, 1, 1000, 1, "which draw of the noise"),
	choice("reveal", "show W", "yes shows W, the next token and the errors", "no", "yes"),
	number("gx", "guess, first", 0, -2, 2, 0.01, "first coordinate of the guessed next token"),
	number("gy", "guess, second", 0, -2, 2, 0.01, "second coordinate of the guess"),
	number("gz", "guess, third", 0, -2, 2, 0.01, "third coordinate of the guess, for d = 3"),
	number("turn", "turn the view", 0.6, -3.14, 3.14, 0.02,
		"azimuth of the view for d = 3, in radians"),
	number("lift", "lift the view", 0.4, -1.56, 1.56, 0.02,
		"elevation of the view for d = 3, in radians"),
	number("start", "turn of s_1", 0, -3.14, 3.14, 0.01,
		"for d = 2: the angle by which s_1 is turned, in radians"),
	number("size", "length of s_1", 1, 0.2, 1.4, 0.01,
		"for d = 2: what s_1 is multiplied by"),
}

const processLength = 20

// sample is a sequence in real form: states (processLength+1, D) of which the
// first show coordinates are drawn, and the real W (D, D).
type sample struct {
	d, show int
	states  []float64
	w       []float64
}

// process shows tokens, hides or shows W, and compares a guess of the next
// token with the estimators'.
func (s *Server) process(_ context.Context, v values) (Document, error) {
	q, err := drawSample(v)
	if err != nil {
		return Document{}, bad(err)
	}
	look := view{q.show, v.number("turn"), v.number("lift")}
	t := v.integer("shown")
	var doc Document
	var series []figure.Series
	put := func(label string, style figure.Style, points []float64) {
		x, y := look.project(points)
		series = append(series, figure.NewSeries(label, style, x, y))
	}
	put("tokens", figure.Solid, q.shown(q.states, t))
	put("s_1 … s_T", figure.Points, q.shown(q.states, t))
	put("s_T", figure.Points, q.shown(q.states[(t-1)*q.d:], 1))
	guess := []float64{v.number("gx"), v.number("gy"), v.number("gz")}[:q.show]
	put("your guess", figure.Points, guess)
	next := q.shown(q.states[t*q.d:], 1)
	reveal := v.on("reveal")
	yours := floats.Distance(guess, next, 2)
	if reveal {
		doc.factNumber("your guess is off by", yours)
	}
	nearest, least := "", math.Inf(1)
	for _, e := range guessers() {
		prediction, err := q.predict(e.Estimator, t)
		if err != nil {
			return doc, err
		}
		put(e.label, figure.Points, where(reveal, prediction))
		off := floats.Distance(prediction, next, 2)
		if off < least {
			nearest, least = e.label, off
		}
		if reveal {
			doc.factNumber(e.label+" is off by", off)
		}
	}
	put("s_{T+1}", figure.Points, where(reveal, next)) // after the guesses, so that none hides it
	if q.show == 3 {
		for i, name := range subscripts { // from the origin, a unit long
			unit := make([]float64, 6)
			unit[3+i] = 1
			put("axis x"+string(name), figure.Dashed, unit)
		}
	}
	if q.show == 2 {
		series = append(series, circle(2)) // what can be dragged stays within it
		doc.processHandles(q, guess)
	}
	x, y := q.axes(look)
	doc.figure("path", "The tokens s_1 … s_T", q.caption(reveal), 1,
		figure.Panel{Kind: figure.Plane, X: linear(x), Y: linear(y), Series: series})
	if reveal {
		doc.figure("w", "W", "The hidden matrix, here in its real form.", 1,
			heatmap("", "", "", q.d, q.d, q.w))
		doc.say("hidden", "This is W. It was hidden: each token is W times the one before%s. Your "+
			"guess of the next token is %.2f off. Nearest of the estimators: %s, %.2f off.",
			noiseAdded(v.number("sigma")), yours, nearest, least)
	} else {
		doc.fact("W", "hidden: guess the next token, then show W")
		doc.say("hidden", "W is hidden. All that can be seen of it %s.", tokensAre(t))
	}
	return doc, nil
}

func noiseAdded(sigma float64) string {
	if sigma == 0 {
		return ""
	}
	return fmt.Sprintf(", and noise of size %v", sigma)
}

func tokensAre(t int) string {
	if t == 1 {
		return "is 1 token, which says nothing of it"
	}
	return fmt.Sprintf("are %d tokens", t)
}

// processHandles are what can be dragged in the plane.
func (doc *Document) processHandles(q sample, guess []float64) {
	s, w := q.states, q.w
	second := point{w[0]*s[0] + w[1]*s[1], w[q.d]*s[0] + w[q.d+1]*s[1]}
	doc.Handles = []Handle{
		{Figure: "path", Name: "s_1", Means: "where the sequence begins", At: point{s[0], s[1]},
			Angle: "start", Length: "size"},
		{Figure: "path", Name: "W s_1", Means: "turns and shrinks W", At: second, Angle: "theta",
			Length: "rho"},
		{Figure: "path", Name: "your guess", Means: "your guess of the next token",
			At: point(guess), X: "gx", Y: "gy"},
	}
}

// where returns the points that are to be seen. A curve without points keeps its
// place in the list, and with it its colour.
func where(visible bool, points []float64) []float64 {
	if visible {
		return points
	}
	return nil
}

// guessers are the estimators a guess competes with.
func guessers() []named {
	return []named{
		{"copy last", estimator.CopyLast{}}, {"least squares", estimator.LeastSquares{}},
		{"ridge", estimator.Ridge{Lambda: 0.1}}, {"Kaczmarz", estimator.Kaczmarz{K: 1}},
	}
}

// predict returns the shown coordinates of the prediction of s_{t+1}.
func (q sample) predict(e estimator.Estimator, t int) (last []float64, err error) {
	err = estimator.Walk(e, estimator.Sequence{D: q.d, T: t}, q.states,
		func(_ int, prediction []float64, _ estimator.Stream) {
			last = append(last[:0], prediction[:q.show]...)
		})
	return last, err
}

// shown returns the drawn coordinates of the first n states.
func (q sample) shown(states []float64, n int) []float64 {
	var points []float64
	for i := range n {
		points = append(points, states[i*q.d:i*q.d+q.show]...)
	}
	return points
}

func (q sample) caption(reveal bool) string {
	text := "Choose where s_{T+1} will be, with the sliders or by a click in the plane."
	if reveal {
		text = "The next token beside your guess and the estimators'."
	}
	switch {
	case q.show < q.d:
		return text + " Drawn: the first complex coordinate; the estimators see both."
	case q.show == 3:
		return text + " Space is seen from where the view sliders say."
	}
	return text
}

// drawSample runs the process with the angles that the sliders say.
func drawSample(v values) (sample, error) {
	p := ar.New(ar.Family(v["family"]), v.integer("d"))
	p.Rho, p.Sigma = v.number("rho"), v.number("sigma")
	if p.Family == ar.Unitary && p.D != 2 {
		return sample{}, fmt.Errorf("unitary has d = 2 here: set d to 2")
	}
	if err := p.Check(); err != nil {
		return sample{}, err
	}
	r := ar.Rand(uint64(v.integer("seed")), "web-noise", 0)
	theta, phi := v.number("theta"), v.number("phi")
	if p.Family == ar.Unitary {
		lambda := []complex128{cmplx.Rect(p.Rho, theta), cmplx.Rect(p.Rho, phi)}
		states, err := ar.Rollout[complex128](p, ar.Context{Lambda: lambda}, processLength+1, r)
		q := realForm(states, lambda)
		q.moveStart(v)
		return q, err
	}
	c := ar.Context{W: turning(p, theta, phi)}
	if p.Family == ar.Rotation {
		c.Lambda = []complex128{cmplx.Rect(p.Rho, theta), cmplx.Rect(p.Rho, -theta)}
	}
	states, err := ar.Rollout[float64](p, c, processLength+1, r)
	q := sample{p.D, p.D, states, c.W}
	q.moveStart(v)
	return q, err
}

// moveStart turns and stretches the first two coordinates of s_1. What that changes
// goes through W with the rest; the noise stays.
func (q sample) moveStart(v values) {
	turn, size := v.number("start"), v.number("size")
	if q.show != 2 || len(q.states) == 0 || turn == 0 && size == 1 {
		return
	}
	sin, cos := math.Sincos(turn)
	x, y := q.states[0], q.states[1]
	change := make([]float64, q.d)
	change[0], change[1] = size*(cos*x-sin*y)-x, size*(sin*x+cos*y)-y
	moved := make([]float64, q.d)
	for t := 0; t < len(q.states); t += q.d {
		floats.Add(q.states[t:t+q.d], change)
		for i := range moved {
			moved[i] = floats.Dot(q.w[i*q.d:(i+1)*q.d], change)
		}
		copy(change, moved)
	}
}

// realForm writes complex coordinates as pairs of real ones.
func realForm(states, lambda []complex128) sample {
	q := sample{d: 2 * len(lambda), show: 2}
	q.w = make([]float64, q.d*q.d)
	for _, z := range states {
		q.states = append(q.states, real(z), imag(z))
	}
	for k, l := range lambda {
		i := 2 * k
		q.w[i*q.d+i], q.w[i*q.d+i+1] = real(l), -imag(l)
		q.w[(i+1)*q.d+i], q.w[(i+1)*q.d+i+1] = imag(l), real(l)
	}
	return q
}

// turning returns ρ times the rotation by θ of the figure.Plane, or of space about
// the axis u = (sin φ, 0, cos φ): R = cos θ I + sin θ [u]× + (1 - cos θ) uuᵀ.
// For haar it has determinant -1: a reflection first, along u in space.
func turning(p ar.Process, theta, phi float64) []float64 {
	sin, cos := math.Sincos(theta)
	flip := 1.0
	if p.Family == ar.Haar {
		flip = -1
	}
	if p.D == 2 {
		return []float64{p.Rho * cos, -p.Rho * sin * flip, p.Rho * sin, p.Rho * cos * flip}
	}
	a, c := math.Sincos(phi)
	u := [3]float64{a, 0, c}
	cross := [9]float64{0, -u[2], u[1], u[2], 0, -u[0], -u[1], u[0], 0}
	w := make([]float64, 9)
	for i := range 3 {
		for j := range 3 {
			w[3*i+j] = p.Rho * (sin*cross[3*i+j] + (flip-cos)*u[i]*u[j])
		}
		w[4*i] += p.Rho * cos
	}
	return w
}
