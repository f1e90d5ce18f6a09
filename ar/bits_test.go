package ar

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"testing"
)

// drawnBits are hashes of sequences, which are the same from every processor.
var drawnBits = map[string]string{
	"unitary 0 complex":    "71809e38f4090fef",
	"unitary 0.1 complex":  "5b12d14bc7cdba80",
	"rotation 0 complex":   "f59e808c7ebc09c9",
	"rotation 0":           "0059fc58dc88451b",
	"rotation 0.1 complex": "925f9578b200e632",
	"rotation 0.1":         "e01d228c597cd579",
	"haar 0":               "c88af0007dc9e323",
	"haar 0.1":             "2da9ccdff7ede2f6",
	"so 0":                 "a3642f7363f1af40",
	"so 0.1":               "df03c7ff7514541a",
}

// TestDrawnBitsAreThoseOfEveryMachine holds sequences of every law against
// hashes that amd64 wrote. Those whose matrices take no sine have the same bits
// in float64. The sines of package math differ between processors in the last
// bit of float64, which is lost where these sequences are rounded to float32.
func TestDrawnBitsAreThoseOfEveryMachine(t *testing.T) {
	single := func(x float64) uint64 { return uint64(math.Float32bits(float32(x))) }
	for _, family := range Families() {
		for _, sigma := range []float64{0, 0.1} {
			p := New(family, 6)
			p.Sigma = sigma
			name := fmt.Sprintf("%s %g", family, sigma)
			if family.Diagonal() {
				checkDrawn(t, p, name+" complex", func(x complex128) uint64 {
					return single(real(x))<<32 | single(imag(x))
				})
			} else {
				checkDrawn(t, p, name, math.Float64bits)
			}
			if family == Rotation {
				checkDrawn(t, p, name, single)
			}
		}
	}
}

// checkDrawn compares the hash of the bits of a batch.
func checkDrawn[S Scalar](t *testing.T, p Process, name string, bits func(S) uint64) {
	t.Helper()
	s, err := NewSampler[S](p, 256, 20, 1, "train")
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	for _, x := range s.Batch(0).States {
		h.Write(binary.LittleEndian.AppendUint64(nil, bits(x)))
	}
	if got := hex.EncodeToString(h.Sum(nil))[:16]; got != drawnBits[name] {
		t.Errorf("%s: %s, want %q", name, got, drawnBits[name])
	}
}
