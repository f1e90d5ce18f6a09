package nn

// Shapes: T time, D embed.

// Mixer is what lets a token of a layer see the others: the part of a layer
// that is not the same for each token by itself. A Mixer has its parameters
// bound to it and keeps no state, so that it may run in parallel. What a gradient
// is with respect to it has the same form and is a Mixer too.
//
// Package mixertest checks an implementation.
type Mixer[F Float] interface {
	// Specs lists the mixer's tensors. Their names begin with layers.0. and so
	// on in the model, where those of norm, up and down are taken.
	Specs() []Spec
	// Bind returns the mixer over tensors in the order of Specs: the values of
	// parameters, or their gradients.
	Bind(tensors [][]F) Mixer[F]
	// Forward writes y (T, D) from x (T, D); y at a token depends on x up to it.
	// What Backward or a probe will ask for it keeps in m. Along QueryPath the
	// context's side, such as keys and values, is not computed from x but is
	// what the last Forward along AllPaths left in m.
	Forward(y, x []F, m *Memo[F], path Path)
	// Backward adds to dx (T, D) and to grad from dy (T, D), after a Forward from
	// x along AllPaths with the same m. Along QueryPath nothing flows to dx
	// through the context's side; grad has then no meaning.
	Backward(dx []F, grad Mixer[F], dy, x []F, m *Memo[F], path Path)
}

// Placer is a Mixer that a product position can act on. What it makes of the
// position vectors depends on parameters only, so it is computed once for a
// batch and taken back once for many sequences.
type Placer[F Float] interface {
	Mixer[F]
	// Place keeps in m what Forward will ask Memo.Placed for, from the position
	// vectors (T, D).
	Place(pos []F, m *Memo[F])
	// PlaceBackward adds to dpos (T, D) and to grad from what Backward has added
	// up in m.Sums. It may overwrite that.
	PlaceBackward(dpos []F, grad Mixer[F], pos []F, m *Memo[F])
}

// Mixing is a kind of mixer: what a name in a configuration stands for. It is
// compared with ==, so a type without fields is best.
type Mixing interface {
	// Name is the value of Config.Mixer.
	Name() string
	// Float32 and Float64 return a mixer for c, not bound to tensors yet and of
	// no size to speak of. The error says what to change in c.
	Float32(c Config) (Mixer[float32], error)
	Float64(c Config) (Mixer[float64], error)
}

// newMixer returns the mixer of c. The error is about an unknown kind, or the
// kind's own.
func newMixer[F Float](c Config) (Mixer[F], error) {
	kind, err := c.mixing()
	if err != nil {
		return nil, err
	}
	var mixer any
	if _, narrow := any(F(0)).(float32); narrow {
		mixer, err = kind.Float32(c)
	} else {
		mixer, err = kind.Float64(c)
	}
	if err != nil {
		return nil, err
	}
	return mixer.(Mixer[F]), nil
}

// Path says along which paths a gradient runs back to the tokens.
type Path int

const (
	// AllPaths is the gradient.
	AllPaths Path = iota
	// QueryPath holds the keys and values of every layer fixed, so that a
	// token acts through its own queries, skip connections and MLPs only.
	// What is left is the map that the context applies to the token.
	QueryPath
)
