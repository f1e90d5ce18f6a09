package ar

import (
	"fmt"

	"icar/setting"
)

// Encoding makes the tokens e_1, …, e_T of a sequence of states. A model's
// prediction of s_{t+1} is the first d coordinates of its output at token t, so
// with a skip connection around every layer it is what the layers add to the
// first d coordinates of e_t: zeros there, as in [Augmented], leave the whole
// prediction to the layers, s_t there leaves them the increment s_{t+1} - s_t.
//
// An encoding of one's own is one type with these methods, to which a
// train.Catalogue gives a name. It may have a Check() error, and settings as a
// [Law] may.
type Encoding interface {
	// Width returns the numbers c in a token of states of dimension d.
	Width(d int) int
	// Encode writes every number of the tokens x (T, c) from states (T or more,
	// d). Token t may depend on the states up to t.
	Encode(x, states []float64, d int)
}

// Tokens is an encoding of the paper (Sander et al. 2024) by its name.
type Tokens string

const (
	// Plain is e_t = s_t, width d.
	Plain Tokens = "plain"
	// Augmented is e_t = (0_d, s_t, s_{t-1}) with s_0 = 0, width 3d.
	Augmented Tokens = "augmented"
)

// Order is e_t = (s_t, s_{t-1}, …, s_{t-P+1}), width Pd: what a linear process of
// order P needs to know for its next state. States before s_1 are 0.
type Order struct{ P int }

var (
	_ Lagged = Plain
	_ Lagged = Order{}
)

// maxOrder bounds the order so that widths fit an int.
const maxOrder = 1 << 16

// Check returns an error unless k is a known encoding.
func (k Tokens) Check() error {
	if k != Plain && k != Augmented {
		return fmt.Errorf("unknown tokens %q: use %q or %q", k, Plain, Augmented)
	}
	return nil
}

// Check returns an error unless there is a state in a token.
func (o Order) Check() error {
	if o.P < 1 || o.P > maxOrder {
		return fmt.Errorf("order %d of the tokens is not from 1 to %d: use 2 for s_t and s_{t-1}",
			o.P, maxOrder)
	}
	return nil
}

// Settings returns the key of P.
func (o *Order) Settings() []setting.Key {
	return []setting.Key{setting.New("order", "states in a token, p", &o.P)}
}

// Width returns d or 3d.
func (k Tokens) Width(d int) int { return width(k, d) }

// Width returns Pd.
func (o Order) Width(d int) int { return width(o, d) }

// Encode writes the tokens x (T, d) or (T, 3d) of states (T or more, d).
func (k Tokens) Encode(x, states []float64, d int) { encode(k, x, states, d) }

// Encode writes the tokens x (T, Pd) of states (T or more, d).
func (o Order) Encode(x, states []float64, d int) { encode(o, x, states, d) }

// Lagged is an encoding whose token t is blocks of d zeros and then the last states,
// s_t first. Of such tokens it is known where s_t stands, which a model's in-context
// map acts on.
type Lagged interface {
	Encoding
	Blocks() (zeros, states int)
}

// Blocks returns (0, 1) or (1, 2).
func (k Tokens) Blocks() (zeros, states int) {
	if k == Augmented {
		return 1, 2
	}
	return 0, 1
}

// Blocks returns (0, P).
func (o Order) Blocks() (zeros, states int) { return 0, o.P }

func width(e Lagged, d int) int {
	zeros, states := e.Blocks()
	return (zeros + states) * d
}

// encode is the Encode of a Lagged encoding.
func encode[S Scalar](e Lagged, x, s []S, d int) {
	zeros, states := e.Blocks()
	width := (zeros + states) * d
	if width == d { // e_t = s_t
		copy(x, s)
		return
	}
	clear(x)
	for t := range len(x) / width {
		for lag := range min(states, t+1) {
			copy(x[t*width+(zeros+lag)*d:][:d], s[(t-lag)*d:])
		}
	}
}

// Encode writes the tokens e_1, …, e_T of one sequence into x (T, Width(d)) in
// the type of its states; tokens of float32 are those of float64 rounded. The
// states s hold at least T of dimension d, where T follows from len(x). The error
// says that lengths do not fit, that the encoding fails its Check, or that the
// states are complex and it is not of this package.
func Encode[S Scalar](e Encoding, x, s []S, d int) error {
	if c, ok := e.(interface{ Check() error }); ok {
		if err := c.Check(); err != nil {
			return err
		}
	}
	if d < 1 {
		return fmt.Errorf("token dimension d = %d is not positive: use d = 1 or more", d)
	}
	width := e.Width(d)
	if width < 1 {
		return fmt.Errorf("the encoding %T has %d numbers in a token: use 1 or more", e, width)
	}
	t := len(x) / width
	if len(x) != t*width || len(s) < t*d {
		return fmt.Errorf("%d token entries from %d state entries: d = %d needs %d and %d a step",
			len(x), len(s), d, width, d)
	}
	if e, ok := e.(Lagged); ok {
		encode(e, x, s, d)
		return nil
	}
	switch s := any(s).(type) {
	case []float64:
		e.Encode(any(x).([]float64), s, d)
	case []float32:
		encodeRounded(e, any(x).([]float32), s[:t*d], d)
	default:
		return fmt.Errorf("the encoding %T takes real states: ask for float64 ones", e)
	}
	return nil
}

// encodeRounded is Encode in float64 of states in float32.
func encodeRounded(e Encoding, x, s []float32, d int) {
	wide := make([]float64, len(x)+len(s))
	tokens, states := wide[:len(x)], wide[len(x):]
	for i, v := range s {
		states[i] = float64(v)
	}
	e.Encode(tokens, states, d)
	for i, v := range tokens {
		x[i] = float32(v)
	}
}
