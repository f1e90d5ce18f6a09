// Package nn is the causal Transformer of the experiments, its gradient by
// hand, and what training it takes: parameters by name, initialisation,
// optimisers and weights on disk.
//
// The model, for tokens x of width c repeated embed/c times to dimension D:
//
//	q, k, v = W_q x + b_q, W_k x + b_k, W_v x + b_v         H heads of full width D each
//	a_hij   = q_hi·k_hj/√D for j ≤ i, or its softmax over j
//	p_hij   = softmax over j ≤ i of the same scores of the position vectors, or 1
//	y_i     = norm(W_o Σ_h Σ_j a_hij p_hij v_hj + b_o)
//	x      ← x + y (residual) or y, then x ← x + W_down relu(W_up x + b_up) + b_down
//	output  = W_out x + b_out
//
// The same model in PyTorch is testdata/oracle.py, whose values the tests
// compare with.
//
// Forward and backward of a layer stand side by side in one file and act on
// one sequence of tokens; batch.go spreads a batch over the processors. Two
// conventions hold throughout: every forward writes its result, every
// backward adds to the gradients of its inputs and parameters.
//
// The layers are generic over float32 and float64. They are the reference:
// plain loops in the order of the formulas, which faster code is checked
// against: Engine computes the same on the loops of package kernel, 16
// sequences side by side, and is what to train with. Data are real: a unitary
// process, which is complex, has no place in a Batch.
package nn
