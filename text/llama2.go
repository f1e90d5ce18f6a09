package text

// V tokens, d dimension, L layers, H heads, K key-value heads, F hidden width

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// llama2Header is the number of bytes before the first weight.
const llama2Header = 28

// ReadLlama2 reads the token embedding of a llama2.c model: seven int32 (d, F,
// L, H, K, V, longest context; V negative if the classifier has weights of its
// own), then all weights as float32, of which the embedding (V, d) is first.
// The size of the file has to be that of the whole model.
//
// Reference: https://github.com/karpathy/llama2.c.
func ReadLlama2(r io.ReaderAt, size int64) (*Table, error) {
	var raw [llama2Header]byte
	if n, _ := r.ReadAt(raw[:], 0); n < len(raw) {
		return nil, fmt.Errorf("%d bytes are too short for a llama2.c model", size)
	}
	var h [7]int64
	for i := range h {
		h[i] = int64(int32(binary.LittleEndian.Uint32(raw[4*i:])))
	}
	own := h[5] < 0
	h[5] = max(h[5], -h[5])
	for i, name := range []string{"dimension", "hidden width", "number of layers",
		"number of heads", "number of key-value heads", "vocabulary", "longest context"} {
		if h[i] < 1 || h[i] > 1<<24 {
			return nil, fmt.Errorf("the %s is %d: this may be no llama2.c model", name, h[i])
		}
	}
	d, F, L, H, K, V, T := uint64(h[0]), uint64(h[1]), uint64(h[2]), uint64(h[3]), uint64(h[4]),
		uint64(h[5]), uint64(h[6])
	if d%H != 0 || H%K != 0 || (d/H)%2 != 0 {
		return nil, fmt.Errorf(
			"dimension %d, %d heads and %d key-value heads do not divide: this may be no "+
				"llama2.c model", d, H, K)
	}
	// norms, queries and outputs, keys and values, the gated MLP; the final
	// norm, the tables of angles, which models of a version on still carry
	layer := 2*d + 2*d*d + 2*d*(d/H*K) + 3*d*F // at most 2⁵¹
	high, layers := bits.Mul64(L, layer)
	weights := V*d + layers + d + T*(d/H)
	if own {
		weights += V * d
	}
	if high != 0 || weights > 1<<56 || 4*weights+llama2Header != uint64(size) {
		return nil, fmt.Errorf(
			"the header's model has %d weights, which do not fill %d bytes: the file is cut "+
				"short or no llama2.c model", weights, size)
	}
	if _, err := entries(V, d); err != nil {
		return nil, err
	}
	return readEntries(r, llama2Header, int(V), int(d), float32s)
}
