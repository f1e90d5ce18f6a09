package nn

// Shapes: N batch, T time, D embed, c width, C coords, L layers, H heads.

// Transformer is the reference model. It owns workspaces that its methods
// reuse as long as T stays the same, so one Transformer must not be used from
// two goroutines at once; its methods use all processors themselves.
type Transformer[F Float] struct {
	config     Config
	mixer      Mixer[F] // bound to nothing
	parameters []Parameter[F]
	gradient   []F        // all Grad of them
	network    network[F] // over the parameters' values

	// Workspaces for sequences of length T, see batch.go.
	length  int
	workers []*workspace[F]
	places  []*Memo[F] // (L) of the mixers, nil without a product position
	blocks  []block[F]
	losses  []float64 // (N) summed squared error of every sequence
}

// New returns a Transformer with the initial parameters of seed, in PyTorch's
// order and under its names: pos (length, D), then layers.0.q.weight (H·D, D),
// layers.0.q.bias (H·D) and so on to out.weight (c, D) and out.bias (c). Values
// are drawn as PyTorch's layers draw theirs. The error is that of Config.Check.
func New[F Float](c Config, seed uint64) (*Transformer[F], error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	mixer, err := newMixer[F](c)
	if err != nil {
		return nil, err
	}
	m := &Transformer[F]{config: c, mixer: mixer}
	m.parameters, m.gradient = newParameters[F](c.specs(mixer.Specs()), seed)
	data := make([][]F, len(m.parameters))
	for i, p := range m.parameters {
		data[i] = p.Data
	}
	m.network = m.assemble(data)
	return m, nil
}

// Config returns the shape of the model.
func (m *Transformer[F]) Config() Config { return m.config }

// Parameters returns the parameters in PyTorch's order. Their Data and Grad
// are the model's own: an optimiser or a loader writes to them.
func (m *Transformer[F]) Parameters() []Parameter[F] { return m.parameters }

// network is the parameters of a Transformer, or a gradient with respect to
// them, as layers.
type network[F Float] struct {
	pos    []F // (length, D)
	layers []layer[F]
	norm   layerNorm[F] // the final one
	out    Linear[F]    // (c, D)
}

// assemble takes up tensors in the order of Config.specs.
func (m *Transformer[F]) assemble(tensors [][]F) network[F] {
	next := func() []F {
		t := tensors[0]
		tensors = tensors[1:]
		return t
	}
	linear := func() Linear[F] { return Linear[F]{Weight: next(), Bias: next()} }
	norm := func() layerNorm[F] { return layerNorm[F]{weight: next(), bias: next()} }
	var n network[F]
	c := m.config
	if c.Position != NoPosition {
		n.pos = next()
	}
	mixing := len(m.mixer.Specs())
	for range c.Depth {
		l := layer[F]{mixer: m.mixer.Bind(tensors[:mixing])}
		tensors = tensors[mixing:]
		if c.Norm {
			l.norm = norm()
		}
		if c.MLPNorm {
			l.inner = norm()
		}
		if c.MLP > 0 {
			l.mlp = mlp[F]{up: linear(), down: linear()}
		}
		n.layers = append(n.layers, l)
	}
	if c.FinalNorm {
		n.norm = norm()
	}
	n.out = linear()
	return n
}

// workspace is what one sequence of length T needs.
type workspace[F Float] struct {
	x       []F // (T, D) input of the first layer
	layers  []*activations[F]
	final   normed[F] // after the last layer
	output  []F       // (T, c)
	doutput []F       // (T, c)
	dlayer  *gradients[F]
}

func newWorkspace[F Float](c Config, length int, places []*Memo[F]) *workspace[F] {
	w := &workspace[F]{
		x:      make([]F, length*c.Embed),
		output: make([]F, length*c.Width), doutput: make([]F, length*c.Width),
		dlayer: newGradients[F](c, length),
	}
	if c.FinalNorm {
		w.final = newNormed[F](len(w.x), length)
	}
	scratch := map[string][]F{}
	for l := range c.Depth {
		var place *Memo[F]
		if places != nil {
			place = places[l]
		}
		w.layers = append(w.layers, newActivations(c, length, place, scratch))
	}
	return w
}

// input returns the input of layer l, or that of the readout for l = L.
func (w *workspace[F]) input(l int) []F {
	if l == 0 {
		return w.x
	}
	return w.layers[l-1].y
}

// forward runs the model on one sequence x (T, c) and leaves every activation
// in w; path is that of Mixer.Forward. What the mixers place must be up to date.
func (m *Transformer[F]) forward(w *workspace[F], x []F, path Path) {
	c := m.config
	for t := range len(x) / c.Width {
		for i := range c.Embed {
			w.x[t*c.Embed+i] = x[t*c.Width+i%c.Width]
		}
	}
	if c.Position == AdditivePosition {
		axpy(w.x, 1, m.network.pos[:len(w.x)])
	}
	for l, layer := range m.network.layers {
		layer.forward(c, w.layers[l], w.input(l), path)
	}
	last := w.input(c.Depth)
	if c.FinalNorm {
		w.final.forward(m.network.norm, last)
		last = w.final.y
	}
	m.network.out.Forward(w.output, last)
}

// backward adds to grad, to the sums of the mixers' memos and, unless nil, to
// dx (T, c) from w.doutput, after a forward of the same sequence.
func (m *Transformer[F]) backward(w *workspace[F], grad network[F], dx []F, path Path) {
	c, d := m.config, w.dlayer
	clear(d.x)
	if c.FinalNorm {
		clear(d.n)
		m.network.out.Backward(d.n, grad.out, w.doutput, w.final.y)
		w.final.backward(m.network.norm, d.x, grad.norm, d.n)
	} else {
		m.network.out.Backward(d.x, grad.out, w.doutput, w.input(c.Depth))
	}
	for l := c.Depth - 1; l >= 0; l-- {
		m.network.layers[l].backward(c, d, grad.layers[l], w.layers[l], w.input(l), path)
	}
	if c.Position == AdditivePosition {
		axpy(grad.pos, 1, d.x)
	}
	for t := range len(dx) / c.Width {
		for i := range c.Embed {
			dx[t*c.Width+i%c.Width] += d.x[t*c.Embed+i]
		}
	}
}
