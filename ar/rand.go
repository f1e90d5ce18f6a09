package ar

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
)

// Rand returns the generator of one step of one named stream of randomness.
// It is a pure function of its three arguments: no generator is ever shared
// between goroutines or carried in a checkpoint, and what batch k holds does
// not depend on which worker draws it, or when.
func Rand(seed uint64, stream string, step uint64) *rand.Rand {
	key := binary.LittleEndian.AppendUint64(nil, seed)
	key = binary.LittleEndian.AppendUint64(key, step)
	return rand.New(rand.NewChaCha8(sha256.Sum256(append(key, stream...))))
}
