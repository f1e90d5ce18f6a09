package text

import (
	"encoding/binary"
	"math"
)

// decoder turns the bytes of an entry into its value.
type decoder struct {
	size  int
	value func([]byte) float32
}

// The entries of files, little-endian.
var (
	float32s = decoder{4,
		func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }}
	bfloat16 = decoder{2,
		func(b []byte) float32 { return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16) }}
	float16 = decoder{2, func(b []byte) float32 { return half(binary.LittleEndian.Uint16(b)) }}
)

// half returns the value of an IEEE 754 binary16.
func half(h uint16) float32 {
	sign, exponent, fraction := 1-2*float64(h>>15), int(h>>10&31), float64(h&1023)
	switch exponent {
	case 0:
		return float32(sign * math.Ldexp(fraction, -24))
	case 31:
		if fraction != 0 {
			return float32(math.NaN())
		}
		return float32(math.Inf(int(sign)))
	}
	return float32(sign * math.Ldexp(1024+fraction, exponent-25))
}
