package cuda

// Shapes: as in pairs_products.go.

// callOutputs calls outputs for n sequences, padded, of length t.
func (p pairs) callOutputs(to *plan, list *[]call, n, t int, tensors, monomials, parts span) {
	k := p.mainTiling()
	to.add(list, p.outputs(), [2]int{p.stripTiles(t) * n / piece, up(t, p.chunk())}, k.threads(),
		number(t), number(n), tensors.argument, monomials.argument, parts.argument)
}

// callGradients calls gradients in the same way.
func (p pairs) callGradients(to *plan, list *[]call, n, t, slots int, g, monomials, sums span) {
	k := p.mainTiling()
	tiles := p.stripTiles(t) * up(t*p.monomials, k.width())
	to.add(list, p.gradients(), [2]int{tiles, slots}, k.threads(), number(t), number(n),
		g.argument, monomials.argument, sums.argument)
}
