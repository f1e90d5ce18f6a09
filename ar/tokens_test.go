package ar

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTokensOfAShortSequence(t *testing.T) {
	s := []float64{1, 2, 3, 4, 5, 6} // s_1, s_2, s_3 with d = 2
	for _, c := range []struct {
		tokens Tokens
		want   []float64
	}{
		{Plain, []float64{1, 2, 3, 4}},
		{Augmented, []float64{0, 0, 1, 2, 0, 0, 0, 0, 3, 4, 1, 2}},
	} {
		x := []float64{9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}[:len(c.want)] // as if used before
		if err := Encode(c.tokens, x, s, 2); err != nil || !slices.Equal(x, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.tokens, x, err, c.want)
		}
	}
}

func TestEncodeSaysWhatIsWrong(t *testing.T) {
	s := make([]float64, 6)
	for _, c := range []struct {
		tokens  Tokens
		x, s, d int
		want    string
	}{
		{"both", 6, 6, 2, `unknown tokens "both": use "plain" or "augmented"`},
		{Plain, 6, 6, 0, "token dimension d = 0 is not positive"},
		{Plain, 5, 6, 2, "5 token entries from 6 state entries: d = 2 needs 2 and 2 a step"},
		{Augmented, 6, 1, 2, "6 token entries from 1 state entries: d = 2 needs 6 and 2 a step"},
	} {
		err := Encode(c.tokens, make([]float64, c.x), s[:c.s], c.d)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	if _, err := (Batch[float64]{N: 1, T: 2, D: 2, States: s}).Inputs("both"); err == nil {
		t.Error("a batch takes unknown tokens")
	}
}

// Entry by entry against e_t = (0_d, s_t, s_{t-1}), s_0 = 0, and y_t = s_{t+1}.
func TestBatchTokensMatchTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, steps := rapid.IntRange(1, 20).Draw(t, "n"), rapid.IntRange(1, 12).Draw(t, "T")
		d := rapid.IntRange(1, 5).Draw(t, "d")
		sampler, err := NewSampler[float64](New(Haar, d), n, steps, 5, "tokens")
		if err != nil {
			t.Fatal(err)
		}
		b := sampler.Batch(0)
		state := func(seq, k, i int) float64 { // s_{k+1}, so k = -1 is s_0
			if k < 0 {
				return 0
			}
			return b.States[(seq*(steps+1)+k)*d+i]
		}
		plain, _ := b.Inputs(Plain)
		augmented, _ := b.Inputs(Augmented)
		y := b.Targets()
		if len(plain) != n*steps*d || len(augmented) != n*steps*3*d || len(y) != n*steps*d {
			t.Fatalf("lengths %d, %d, %d for N = %d, T = %d, d = %d", len(plain), len(augmented), len(y), n, steps, d)
		}
		for seq := range n {
			for k := range steps {
				for i := range d {
					at := (seq*steps+k)*d + i
					e := augmented[(seq*steps+k)*3*d:]
					if plain[at] != state(seq, k, i) || y[at] != state(seq, k+1, i) ||
						e[i] != 0 || e[d+i] != state(seq, k, i) || e[2*d+i] != state(seq, k-1, i) {
						t.Fatalf("sequence %d, position %d, coordinate %d", seq, k+1, i)
					}
				}
			}
		}
	})
}
