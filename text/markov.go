package text

import "math/rand/v2"

// chain is a first-order Markov chain: what follows each token, as often as it
// does.
type chain struct {
	begin []int32 // (U+1) where the successors of a token begin
	next  []int32 // the successors, token by token
	all   []int32 // tokens to go on with after one that nothing follows
}

// successors returns the chain of the text outside the held-out windows, so
// that a text drawn from it knows nothing of what is measured. At lag 1 its R²
// is the text's own but for a change between the parts, because W sees nothing
// but pairs: what tells the two apart are longer lags.
func (s *Sequence) successors(w Windows, held []bool) chain {
	hidden := make([]bool, len(s.Tokens))
	for i, start := range w.Starts {
		for t := start; held[i] && t < start+w.Length; t++ {
			hidden[t] = true
		}
	}
	U, _ := s.Vectors.Dims()
	c := chain{begin: make([]int32, U+1)}
	pairs := func(visit func(a, b int32)) {
		for i := range len(s.Tokens) - 1 {
			if !hidden[i] && !hidden[i+1] {
				visit(s.Tokens[i], s.Tokens[i+1])
			}
		}
	}
	pairs(func(a, b int32) {
		c.begin[a+1]++
		c.all = append(c.all, b)
	})
	for i := range U {
		c.begin[i+1] += c.begin[i]
	}
	place := append([]int32{}, c.begin...)
	c.next = make([]int32, len(c.all))
	pairs(func(a, b int32) {
		c.next[place[a]] = b
		place[a]++
	})
	return c
}

// draw redraws all but the first token of each window.
func (c chain) draw(w Windows, rng *rand.Rand) {
	for i := range w.Tokens {
		if i%w.Length == 0 {
			continue
		}
		t := w.Tokens[i-1]
		of := c.next[c.begin[t]:c.begin[t+1]]
		if len(of) == 0 {
			of = c.all
		}
		w.Tokens[i] = of[rng.IntN(len(of))]
	}
}
