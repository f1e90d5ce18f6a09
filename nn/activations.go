package nn

// Shapes: T time, D embed, H heads, M hidden units, c width.

import (
	"fmt"
	"slices"
)

// Activations runs the model on one sequence x (T, c) and returns copies of
// what it computed, in the order of computation:
//
//	embed                          (T, D) tokens repeated, with additive positions
//	layers.0.q, .k, .v             (T, H, D), these and the next four of FullHeads:
//	layers.0.attention             (H, T, T) scores, or their softmax
//	layers.0.position              (H, T, T) what multiplies them, for product positions
//	layers.0.z                     (T, D) sum of the heads
//	layers.0.o                     (T, D) output of the mixer
//	layers.0.norm                  (T, D) after the layer norm, if there is one; here, or
//	                               before the mixer
//	layers.0.skip                  (T, D) after the skip connection, if there is one
//	layers.0.mlp_norm              (T, D) after the layer norm before the MLP, if there is one
//	layers.0.hidden, .mlp          (T, M), (T, D) hidden units after the activation, and
//	                               output of the MLP, if there is one
//	final_norm                     (T, D) after the last layer norm, if there is one
//	out                            (T, c) predictions
//
// They may be infinite or NaN. The error is a misshapen x.
func (m *Transformer[F]) Activations(x []F) ([]Tensor[F], error) {
	b := Batch[F]{N: 1, T: len(x) / m.config.Width, X: x}
	if err := m.prepare(b); err != nil {
		return nil, err
	}
	w := m.workers[0]
	m.forward(w, x, AllPaths)
	tensors := m.activations(w)
	for i := range tensors {
		tensors[i].Data = slices.Clone(tensors[i].Data)
	}
	return tensors, nil
}

// activations names what a forward left in w.
func (m *Transformer[F]) activations(w *workspace[F]) []Tensor[F] {
	c, length := m.config, m.length
	row := []int{length, c.Embed}
	list := []Tensor[F]{{"embed", row, w.x}}
	for l, act := range w.layers {
		add := func(present bool, name string, shape []int, data []F) {
			if present {
				list = append(list, Tensor[F]{fmt.Sprintf("layers.%d.%s", l, name), shape, data})
			}
		}
		add(c.PreNorm, "norm", row, act.n)
		for _, t := range act.memo.Tensors() {
			add(true, t.Name, t.Shape, t.Data)
		}
		add(true, "o", row, act.o)
		add(c.postNorm(), "norm", row, act.n)
		add(c.Residual, "skip", row, act.r)
		add(c.MLPNorm, "mlp_norm", row, act.inner.y)
		add(c.MLP > 0, "hidden", []int{length, c.MLP * c.Embed}, act.hidden)
		add(c.MLP > 0, "mlp", row, act.y)
	}
	if c.FinalNorm {
		list = append(list, Tensor[F]{"final_norm", row, w.final.y})
	}
	return append(list, Tensor[F]{"out", []int{length, c.Width}, w.output})
}
