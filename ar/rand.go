package ar

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
)

// Rand returns the generator of one step of one named stream of randomness.
// It is a pure function of its three arguments: no generator is ever shared
// between goroutines or carried in a checkpoint, and what batch k holds does
// not depend on which worker draws it, or when.
func Rand(seed uint64, stream string, step uint64) *rand.Rand {
	return rand.New(rand.NewChaCha8(key(seed, stream, step)))
}

// key is the seed of the generator of a step.
func key(seed uint64, stream string, step uint64) [32]byte {
	var room [128]byte // enough for any stream of ours, so that nothing is allocated
	message := binary.LittleEndian.AppendUint64(room[:0], seed)
	message = binary.LittleEndian.AppendUint64(message, step)
	return sha256.Sum256(append(message, stream...))
}

// BlockKey returns the seed of the generator, a [rand.ChaCha8], of block b of the batch of a
// step: that from which [Sampler.Block] draws it. Who draws the same from it in the same order,
// as a card does, has the same sequences.
func BlockKey(seed uint64, stream string, step uint64, b int) [32]byte {
	return key(seed, blockStream(stream, b), step)
}

// blockStream is the stream of block b of the batches of a stream.
func blockStream(stream string, b int) string {
	return stream + " block " + strconv.Itoa(b)
}
