package card

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"

	"icar/ar"
	"icar/nn"
)

// known is a model with what the loss and the gradient of its first batch hash to in
// the arithmetic of cards.
type known struct {
	name   string
	config nn.Config
	bits   uint64
}

// all are small and use every kind of kernel between them. TestKnownAnswers holds their
// bits against the emulator's.
func all() []known {
	linear := nn.Config{
		Width: 2, Embed: 4, Depth: 1, Heads: 2, Attention: nn.LinearAttention, Norm: true,
		Residual: true, Position: nn.ProductPosition, Length: 3, Coords: 2,
	}
	softmax := linear
	softmax.Attention, softmax.Position, softmax.Norm = nn.SoftmaxAttention, nn.AdditivePosition,
		false
	mlp := linear
	mlp.Position, mlp.MLP = nn.NoPosition, 2
	return []known{{"linear", linear, linearBits}, {"softmax", softmax, softmaxBits},
		{"mlp", mlp, mlpBits}}
}

// sequences is how many there are in a batch: more than a warp has lanes.
const sequences = 33

// check computes the gradients of models whose bits are known. The error says that they are
// others; models that are not supported are none. It is one as well where no model is.
func check(ctx context.Context, build nn.NewBackend, answers []known) error {
	checked := 0
	for _, k := range answers {
		bits, err := answer(ctx, build, k.config)
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			continue
		case err != nil:
			return fmt.Errorf("its self-check, %s: %w", k.name, err)
		case bits != k.bits:
			return fmt.Errorf("its self-check, %s: the gradient has other bits than it has to "+
				"(%016x, not %016x)", k.name, bits, k.bits)
		}
		checked++
	}
	if checked == 0 {
		return errors.New("its self-check: it runs no model")
	}
	return nil
}

// answer hashes the loss and the gradient of a model of seed 1.
func answer(ctx context.Context, build nn.NewBackend, c nn.Config) (bits uint64, err error) {
	model, err := nn.New[float32](c, 1)
	if err != nil {
		return 0, err
	}
	backend, err := build(model)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, nn.Release(ctx, backend)) }()
	r := ar.Rand(1, "card", 0)
	tokens := sequences * c.Length
	b := nn.Batch[float32]{N: sequences, T: c.Length, X: make([]float32, tokens*c.Width),
		Y: make([]float32, tokens*c.Coords)}
	for _, s := range [][]float32{b.X, b.Y} {
		for i := range s {
			s[i] = float32(r.NormFloat64())
		}
	}
	loss, err := backend.Gradient(ctx, b)
	if err != nil {
		return 0, err
	}
	h := fnv.New64a()
	word := binary.LittleEndian.AppendUint64(nil, math.Float64bits(loss))
	for _, p := range model.Parameters() {
		for _, g := range p.Grad {
			word = binary.LittleEndian.AppendUint32(word, math.Float32bits(g))
		}
	}
	_, err = h.Write(word)
	return h.Sum64(), err
}
