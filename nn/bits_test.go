package nn

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"

	"icar/nn/kernel"
)

// trainedBits are hashes of what training gives in an arithmetic, on any machine:
// losses, weights and predictions of models after few steps of Adam.
var trainedBits = map[string]map[string]string{
	"fma": {
		"additive":   "55167d6c621c873c",
		"fig5-L1":    "459e8aaedb08817e",
		"fig5-L4":    "1cc90567ce6a7f9b",
		"fig7-H8":    "95ca4dd1424ae758",
		"gpt":        "ce79865e6d86e6d2",
		"linear":     "1857cbebbf016620",
		"many":       "57ea10cc65c4c0a1",
		"mlp-L4":     "2402705c411163e8",
		"narrow":     "fa91afa9165ab6ab",
		"prefix":     "1e93cc897b716384",
		"softmax":    "78bdc15a7667c0b0",
		"softmax-H8": "edbb551259ef0d11",
		"wide":       "34c5e7be4533f672",
	},
	"go": {
		"additive":   "a12278fab333a809",
		"fig5-L1":    "6ba1194012ab9c6e",
		"fig5-L4":    "892f30d2d880bca0",
		"fig7-H8":    "05fbad9763765bf9",
		"gpt":        "b2b8453dc83919b5",
		"linear":     "1e47a9c0a37ad545",
		"many":       "f95f7cdb32189b63",
		"mlp-L4":     "6b265b0d87959ab2",
		"narrow":     "078e4c11cb679f1c",
		"prefix":     "ad639b086670b1f3",
		"softmax":    "0b08bc5b670a7eb0",
		"softmax-H8": "67f125db34d1213b",
		"wide":       "dfb0a7941c97400e",
	},
}

// trainedLong are those after 100 steps on 37 sequences, of the arithmetic fma.
var trainedLong = map[string]string{
	"additive":   "edb4162f88286fe5",
	"fig5-L1":    "5f39bbce260b172c",
	"fig5-L4":    "25e006d205b631eb",
	"fig7-H8":    "6ab3a15273590e73",
	"gpt":        "b3d6a4ff157f2062",
	"linear":     "03d21aa83960999d",
	"many":       "d4aac87c52d30dd1",
	"mlp-L4":     "42929e5ceff05305",
	"narrow":     "6ef042d4db7bd432",
	"prefix":     "8329eb22ee0de2cd",
	"softmax":    "e65229f917bdb575",
	"softmax-H8": "c9c678fb3d93ae71",
	"wide":       "fe03375d96a32bb2",
}

// sameModels are models that between them use every loop, and those of the paper.
func sameModels() map[string]Config {
	models := kinds()
	for _, name := range []string{"fig5-L1", "fig5-L4", "fig7-H8", "softmax-H8", "mlp-L4"} {
		models[name] = standard()[name]
	}
	return models
}

// hashOf returns 16 digits of the hash of all bits of arrays.
func hashOf(arrays [][]float32) string {
	h := sha256.New()
	for _, numbers := range arrays {
		var bits []byte
		for _, v := range numbers {
			bits = binary.LittleEndian.AppendUint32(bits, math.Float32bits(v))
		}
		h.Write(bits)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// TestTrainedBitsAreThoseOfEveryMachine trains on every kernel of the machine
// and holds what comes of it against hashes that amd64 wrote.
func TestTrainedBitsAreThoseOfEveryMachine(t *testing.T) {
	const sequences, processors, steps = 19, 2, 3
	for _, k := range kernel.Available() {
		for name, c := range sameModels() {
			got := hashOf(trainEngine(t, c, sequences, k, processors, steps))
			if want := trainedBits[k.Arithmetic()][name]; got != want {
				t.Errorf("%s on %s: %s, want %q", name, k.Name(), got, want)
			}
		}
	}
}
