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
		tokens Encoding
		want   []float64
	}{
		{Plain, []float64{1, 2, 3, 4}},
		{Augmented, []float64{0, 0, 1, 2, 0, 0, 0, 0, 3, 4, 1, 2}},
		{Order{1}, []float64{1, 2, 3, 4}},
		{Order{2}, []float64{1, 2, 0, 0, 3, 4, 1, 2}},
		{Order{3}, []float64{1, 2, 0, 0, 0, 0, 3, 4, 1, 2, 0, 0, 5, 6, 3, 4, 1, 2}},
		{squares{}, []float64{1, 5, 3, 25}},
	} {
		x := []float64{9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
			9}[:len(c.want)] // as if used before
		if err := Encode(c.tokens, x, s, 2); err != nil || !slices.Equal(x, c.want) {
			t.Errorf("%v: %v, %v, want %v", c.tokens, x, err, c.want)
		}
		clear(x)
		if c.tokens.Encode(x, s, 2); !slices.Equal(x, c.want) {
			t.Errorf("%v: its own method gives %v, want %v", c.tokens, x, c.want)
		}
	}
}

// squares is an encoding that is none of this package: e_t = (s_1, s_1² + s_2²)
// of the two coordinates of s_t.
type squares struct{}

func (squares) Width(int) int { return 2 }
func (squares) Encode(x, states []float64, d int) {
	for i := range len(x) / 2 {
		a, b := states[i*d], states[i*d+1]
		x[2*i], x[2*i+1] = a, a*a+b*b
	}
}

// What another encoding makes of float32 is rounded once.
func TestForeignTokensAreRounded(t *testing.T) {
	b := sampler[float32](t, New(Haar, 2), 3, 4, 1, "foreign").Batch(0)
	x, err := b.Inputs(squares{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range b.N {
		for i := range b.T {
			s := b.sequence(n)[2*i:]
			want := float32(float64(s[0])*float64(s[0]) + float64(s[1])*float64(s[1]))
			if e := x[(n*b.T+i)*2:]; e[0] != s[0] || e[1] != want {
				t.Fatalf("sequence %d, token %d: %v, want (%v, %v)", n, i, e[:2], s[0], want)
			}
		}
	}
	if err := Encode(squares{}, make([]complex128, 2), make([]complex128, 2), 2); err == nil {
		t.Error("it takes complex states")
	}
}

func TestEncodeSaysWhatIsWrong(t *testing.T) {
	s := make([]float64, 6)
	for _, c := range []struct {
		tokens  Encoding
		x, s, d int
		want    string
	}{
		{Tokens("both"), 6, 6, 2, `unknown tokens "both": use "plain" or "augmented"`},
		{Plain, 6, 6, 0, "token dimension d = 0 is not positive"},
		{Plain, 5, 6, 2, "5 token entries from 6 state entries: d = 2 needs 2 and 2 a step"},
		{Order{0}, 6, 6, 2, "order 0 of the tokens is not from 1 to 65536"},
		{Order{1 << 17}, 6, 6, 2, "order 131072 of the tokens is not from 1"},
		{Augmented, 6, 1, 2, "6 token entries from 1 state entries: d = 2 needs 6 and 2 a step"},
	} {
		err := Encode(c.tokens, make([]float64, c.x), s[:c.s], c.d)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	if _, err := (Batch[float64]{N: 1, T: 2, D: 2, States: s}).Inputs(Tokens("both")); err == nil {
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
			t.Fatalf("lengths %d, %d, %d for N = %d, T = %d, d = %d", len(plain), len(augmented),
				len(y), n, steps, d)
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
