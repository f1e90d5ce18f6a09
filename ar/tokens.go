package ar

import "fmt"

// Tokens names the encoding of states as tokens e_t (Sander et al. 2024).
type Tokens string

const (
	// Plain is e_t = s_t, width D.
	Plain Tokens = "plain"
	// Augmented is e_t = (0_d, s_t, s_{t-1}) with s_0 = 0, width 3D. A
	// prediction is read off the first D coordinates.
	Augmented Tokens = "augmented"
)

// Check returns an error unless k is a known encoding.
func (k Tokens) Check() error {
	if k != Plain && k != Augmented {
		return fmt.Errorf("unknown tokens %q: use %q or %q", k, Plain, Augmented)
	}
	return nil
}

// Width returns the width of a token of states of dimension d.
func (k Tokens) Width(d int) int {
	if k == Augmented {
		return 3 * d
	}
	return d
}

// Encode writes the tokens e_1, …, e_T of one sequence into x (T, Width(d)).
// The states s hold at least T of dimension d, where T follows from len(x).
func Encode[S Scalar](k Tokens, x, s []S, d int) error {
	if err := k.Check(); err != nil {
		return err
	}
	if d < 1 {
		return fmt.Errorf("token dimension d = %d is not positive: use d = 1 or more", d)
	}
	width := k.Width(d)
	t := len(x) / width
	if len(x) != t*width || len(s) < t*d {
		return fmt.Errorf("%d token entries from %d state entries: d = %d needs %d and %d a step", len(x), len(s), d, width, d)
	}
	if k == Plain {
		copy(x, s[:t*d])
		return nil
	}
	clear(x)
	for i := range t {
		e := x[i*width : (i+1)*width]
		copy(e[d:2*d], s[i*d:])
		if i > 0 {
			copy(e[2*d:], s[(i-1)*d:])
		}
	}
	return nil
}
