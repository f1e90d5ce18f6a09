// What the layer does with the sequence of the page, step by step: tokens, attention,
// Γ, prediction. T tokens; the plane is read as complex numbers, see layer.go.

package web

import (
	"context"
	"math"
	"math/cmplx"
	"slices"

	"icar/ar"
	"icar/figure"
	"icar/theory"
)

// flowParameters are those of the process that the layer was trained for, so that one
// sequence goes through the page.
var flowParameters = append(of(processParameters, "theta", "rho", "sigma", "seed", "start", "size"),
	number("shown", "tokens T", 4, 1, 20, 1,
		"tokens that the layer sees, at most those it was trained for"))

// flow shows how the layer comes to its prediction of s_{T+1}.
func (s *Server) flow(ctx context.Context, v values) (Document, error) {
	m, err := trainLayer(ctx)
	if err != nil {
		return Document{}, err
	}
	v["family"], v["d"] = string(ar.Rotation), "2"
	q, err := drawSample(v)
	if err != nil {
		return Document{}, bad(err)
	}
	t := min(v.integer("shown"), layerLength)
	states := make([]complex128, t) // a rotation begins at (√2, 0), the layer's sequences at 1
	for i := range states {
		states[i] = complex(q.states[2*i], q.states[2*i+1]) / math.Sqrt2
	}
	lambda := complex(q.w[0], q.w[2])
	var doc Document
	if asked := v.integer("shown"); asked > t {
		doc.say("cut", "The layer was trained on up to %d tokens and sees the first %d of %d.",
			layerLength, t, asked)
	}
	doc.flowTokens(states)
	query, seen, share := m.look(states)
	doc.attention(query, seen, share)
	doc.gammas(m, states, lambda)
	err = doc.sum(m, states, seen, lambda)
	return doc, err
}

// flowTokens draws e_t = (0, s_t, s_{t-1}) as real columns.
func (doc *Document) flowTokens(states []complex128) {
	t := len(states)
	cells := make([]float64, 4*t)
	for i, z := range states {
		cells[i], cells[t+i] = real(z), imag(z)
		if i > 0 {
			cells[2*t+i], cells[3*t+i] = real(states[i-1]), imag(states[i-1])
		}
	}
	doc.figure("tokens", "What it sees", "Column t is token t: s_t in rows 1 and 2, s_{t-1} in "+
		"rows 3 and 4.", 1, heatmap("", "token t", "row", 4, t, cells))
	doc.say("sees", "It sees %s, each beside the one before it. It does not see W.",
		plural(t, "token"))
}

// attention draws the query of the last token, the keys, and how they match.
func (doc *Document) attention(query complex128, seen []seenToken, share float64) {
	t := len(seen)
	keys, sizes, values := make([]complex128, t), make([]float64, t), make([]complex128, t)
	for i, token := range seen {
		keys[i], sizes[i], values[i] = token.key, cmplx.Abs(token.score), token.value
	}
	x, y := parts(keys)
	vx, vy := parts(values)
	doc.figure("attention", "Queries, keys and values", "The query of token T is compared with "+
		"the key of each token. What matches well has a large score.", 2,
		figure.Panel{Kind: figure.Plane, Title: "in the plane", X: linear("first coordinate"),
			Y: linear("second coordinate"), Series: []figure.Series{
				figure.NewSeries("query of token T", figure.Solid, []float64{0, real(query)},
					[]float64{0, imag(query)}),
				figure.NewSeries("keys", figure.Points, x, y),
				figure.NewSeries("values", figure.Points, vx, vy)}},
		lines("size of the scores", linear("token t"), linear("|score|"),
			figure.NewSeries("score of token t", figure.Points, figure.Positions(t), sizes)))
	doc.say("attention", "The last token asks with its query, every token answers with its key, "+
		"and their product is its score: how much of its value goes into the prediction. "+
		"The plane shows %.1f%% of the weights behind the scores.", 100*share)
}

func parts(z []complex128) (x, y []float64) {
	for _, p := range z {
		x, y = append(x, real(p)), append(y, imag(p))
	}
	return x, y
}

// gammas draws the matrices by which the last token is multiplied: that of the layer,
// of one gradient step, and W.
func (doc *Document) gammas(m *layer, states []complex128, lambda complex128) {
	last := states[len(states)-1]
	gamma := m.predict(states) / last
	step := gradientStepOn(states, theory.GradientStep(1, layerLength)) / last
	doc.figure("gamma", "Γ, the matrix it has made of its context", "The prediction is Γ s_T: a "+
		"turn and a change of length.", 3, turnMap("W", lambda),
		turnMap("Γ of the layer", gamma), turnMap("Γ of one step, η*", step))
	doc.say("gamma", "Γ of the layer is %.3f from that of one gradient step and %.3f from W.",
		cmplx.Abs(gamma-step), cmplx.Abs(gamma-lambda))
}

// turnMap draws the real matrix of a multiplication.
func turnMap(title string, z complex128) figure.Panel {
	return heatmap(title, "", "", 2, 2, []float64{real(z), -imag(z), imag(z), real(z)})
}

// sum draws the prediction as what the tokens add to it, one after the other.
func (doc *Document) sum(m *layer, states []complex128, seen []seenToken,
	lambda complex128) error {
	t := len(states)
	way := []complex128{0}
	for _, token := range seen {
		way = append(way, way[len(way)-1]+token.adds)
	}
	prediction, next := m.predict(states), lambda*states[t-1]
	eta := theory.GradientStep(1, layerLength)
	step := gradientStepOn(states, eta)
	least, err := leastSquaresOn(states)
	if err != nil {
		return err
	}
	x, y := parts(way)
	px, py := parts(states)
	var series []figure.Series
	series = append(series,
		figure.NewSeries("s_1 … s_T", figure.Points, px, py),
		figure.NewSeries("what the tokens add", figure.Solid, x, y),
		figure.NewSeries("sum after each token", figure.Points, x, y),
		figure.NewSeries("", figure.Dashed, []float64{0, real(next)}, []float64{0, imag(next)}))
	for _, p := range []struct {
		label string
		at    complex128
	}{{"the Transformer", prediction}, {"one gradient step", step}, {"least squares", least},
		{"W s_T", next}} {
		series = append(series, figure.NewSeries(p.label, figure.Points,
			[]float64{real(p.at)}, []float64{imag(p.at)}))
	}
	series = append(append(series, circle(1)), cross()...)
	doc.figure("sum", "The prediction is the sum of what the tokens add", "From the centre, one "+
		"piece a token: its score times its value.", 1,
		figure.Panel{Kind: figure.Plane, X: linear("first coordinate"),
			Y: linear("second coordinate"), Series: series})
	doc.say("sum", "The pieces of %s add up to the guess. It is %.3f from one gradient step, %.3f "+
		"from least squares, and %.3f from where W takes the last token.", plural(t, "token"),
		cmplx.Abs(prediction-step), cmplx.Abs(prediction-least), cmplx.Abs(prediction-next))
	doc.say("learnt", "It has learnt one step of gradient descent: its step size is %.4f, and the "+
		"paper's η* = 3/(2 T_{max} + 3d - 4) is 3/%d = %.4f for T_{max} = %d and d = 1 complex "+
		"coordinate.", m.eta(), 2*layerLength-1, eta, layerLength)
	doc.factNumber("step size of the layer", m.eta())
	doc.factNumber("η*", eta)
	doc.fact("its six weights: m_0 … m_3; v_0, v_1", "%s; %s", numbers(m.M[:]), numbers(m.V[:]))
	doc.Handles = append(doc.Handles, Handle{Figure: "sum", Name: "s_1",
		Means: "where the sequence begins", At: pointOf(states[0]), Angle: "start",
		Length: "size"})
	if t > 1 {
		doc.Handles = append(doc.Handles, Handle{Figure: "sum", Name: "s_2",
			Means: "turns W", At: pointOf(states[1]), Angle: "theta", Length: "rho"})
	}
	return nil
}

// of returns the parameters of these names.
func of(all []parameter, names ...string) (some []parameter) {
	for _, p := range all {
		if slices.Contains(names, p.name) {
			some = append(some, p)
		}
	}
	return some
}
