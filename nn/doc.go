// Package nn is the causal Transformer of the experiments, its gradient by
// hand, and what training it takes: parameters by name, initialisation,
// optimisers and weights on disk.
//
// A layer is a mixer in a block. The [Mixer] lets a token see those before it, the
// block (layer.go) is the same for every mixer. For tokens x of width c, repeated
// D/c times to the width D inside the model,
//
//	y       = mixer(x), with a layer norm after it (post) or before it (pre), or none
//	x      ← x + y (residual) or y, then x ← x + W_down φ(W_up x + b_up) + b_down
//	output  = W_out x + b_out
//
// φ being the relu or GELU, with layer norms of their own before the MLP and before
// the readout where the configuration has them,
//
// and [FullHeads], the mixer of the paper, is
//
//	q, k, v  = W_q x + b_q, W_k x + b_k, W_v x + b_v     H heads of full width D each
//	a_hij    = q_hi·k_hj/√D for j ≤ i, or its softmax over j
//	p_hij    = softmax over j ≤ i of the same scores of the position vectors, or 1
//	mixer(x) = W_o Σ_h Σ_j a_hij p_hij v_hj + b_o
//
// [MultiHead] is the other one. A mixer of one's own is a file with its Forward and
// Backward side by side, like fullheads.go and multihead.go, a [Mixing] for it in
// [Config], and a test that calls mixertest.Test. The same models in PyTorch are
// testdata/oracle.py, whose values the tests compare with.
//
// Forward and backward act on one sequence of tokens; batch.go spreads a batch
// over the processors. Two conventions hold throughout: every forward writes its
// result, every backward adds to the gradients of its inputs and parameters.
//
// The layers are generic over float32 and float64. They are the reference:
// plain loops in the order of the formulas, which faster code is checked
// against. What training asks of a model is a [Backend]. The reference is one;
// [Engine] is another, on the loops of package kernel, 16 sequences side by side,
// and is what to train with where it has a fast form of the model. Data are real: a
// unitary process, which is complex, has no place in a [Batch].
package nn
