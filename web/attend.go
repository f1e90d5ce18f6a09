// The inside of the model of one gradient step: queries, keys and values. T tokens, D
// width of the model, d token dimension.

package web

import (
	"fmt"
	"slices"

	"icar/ar"
	"icar/nn"
	"icar/probe"
)

// inner are tensors of the forward pass on one sequence of the model's only layer.
type inner struct {
	width, length int
	q, k, v       []float64 // (T, D)
	scores        []float64 // (T, T), 0 above the diagonal
	adds          []float64 // (T, d) what each token adds to the prediction after shown
	rest          []float64 // (d) the biases, which are added at last
}

// lookInside returns what the model computes of the first shown tokens of a sequence.
// It is linear from the values on, so that its prediction is a sum over the tokens,
// W_out(W_o Σ_t a_t v_t + b_o) + b_out. Under a layer norm it is none, and adds is nil.
func lookInside(m *probe.Model, b ar.Batch[float64], shown int) (inner, error) {
	tensors, err := m.Activations(b, 0)
	if err != nil {
		return inner{}, err
	}
	in := inner{width: m.Config.Embed, length: b.T}
	for _, t := range tensors {
		switch t.Name {
		case "layers.0.q":
			in.q = t.Data
		case "layers.0.k":
			in.k = t.Data
		case "layers.0.v":
			in.v = t.Data
		case "layers.0.attention":
			in.scores = t.Data
		}
	}
	if in.q == nil || in.k == nil || in.v == nil || in.scores == nil {
		return in, fmt.Errorf("the model has no queries, keys, values and scores")
	}
	if !m.Config.Norm {
		in.add(m.Net, b.D, shown)
	}
	return in, nil
}

// add computes what each token adds to the prediction after shown tokens.
func (in *inner) add(net *nn.Transformer[float64], d, shown int) {
	weights := map[string][]float64{}
	for _, p := range net.Parameters() {
		weights[p.Name] = p.Data
	}
	through := func(x []float64, bias bool) []float64 {
		z := affine(weights["layers.0.o.weight"], weights["layers.0.o.bias"], x, bias)
		return affine(weights["out.weight"], weights["out.bias"], z, bias)[:d]
	}
	for t := range shown {
		value := make([]float64, in.width)
		for i := range value {
			value[i] = in.scores[(shown-1)*in.length+t] * in.v[t*in.width+i]
		}
		in.adds = append(in.adds, through(value, false)...)
	}
	in.rest = through(make([]float64, in.width), true)
}

// affine returns Wx, or Wx + b.
func affine(w, b, x []float64, bias bool) []float64 {
	y := make([]float64, len(b))
	for i := range y {
		for j, v := range x {
			y[i] += w[i*len(x)+j] * v
		}
		if bias {
			y[i] += b[i]
		}
	}
	return y
}

// inner draws queries, keys and values, the scores, and the prediction as a sum.
func (doc *Document) inner(in inner, d, shown int) {
	draw := func(title string, x []float64) {
		doc.Figures[len(doc.Figures)-1].Panels = append(doc.Figures[len(doc.Figures)-1].Panels,
			heatmap(title, "token t", "unit", in.width, shown, transpose(x, shown, in.width)))
	}
	doc.figure("qkv", "Queries, keys and values of the trained model", "Column t is token t.", 3)
	draw("q_t", in.q)
	draw("k_t", in.k)
	draw("v_t", in.v)
	square := make([]float64, 0, shown*shown)
	for i := range shown {
		square = append(square, in.scores[i*in.length:i*in.length+shown]...)
	}
	doc.figure("scores", "Attention scores", "Row i: how well the query of token i matches the "+
		"key of each token up to it.", 1, heatmap("", "key of token t", "query of token i", shown,
		shown, square))
	if in.adds == nil {
		return
	}
	sum := slices.Clone(in.rest)
	for i, v := range in.adds {
		sum[i%d] += v
	}
	all := slices.Concat(in.adds, in.rest, sum)
	doc.figure("adds", "The prediction is a sum over the tokens", fmt.Sprintf("Column t is what "+
		"token t adds: its score times its value, through W_o and W_{out}. Column %d is the "+
		"biases, column %d the sum of all, the prediction of s_{T+1}.", shown+1, shown+2), 1,
		heatmap("", "token t, biases, sum", "coordinate", d, shown+2, transpose(all, shown+2, d)))
}
