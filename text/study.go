package text

// n tokens a window, k dimensions, ℓ lag

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// Split says which windows are held out.
type Split string

const (
	// every fifth window at random: neighbours of training windows, which share their topic
	Random     Split = "random"
	Contiguous Split = "contiguous" // the last fifth of the text
)

// Null is a text without what is tested for.
type Null string

const (
	Real           Null = "real"            // the text itself
	TokensPermuted Null = "tokens permuted" // the tokens of all windows in random order
	// inputs of each window, outputs of another one of the book
	WindowsSwapped Null = "windows permuted"
	// drawn word by word from the successors that the word before has outside the held-out windows
	Markov Null = "Markov"
)

// Windows are windows of a text, in its order.
type Windows struct {
	Length int     // n
	Tokens []int32 // (windows, n)
	Starts []int   // (windows) where each begins in the text
}

// Cut returns count of the text's windows that do not overlap, drawn at
// random, in their order; all if there are fewer. With ten there is enough to
// split.
func (s *Sequence) Cut(length, count int, rng *rand.Rand) (Windows, error) {
	whole := len(s.Tokens) / max(1, length)
	if length < 2 || whole < 10 {
		return Windows{}, fmt.Errorf(
			"%d tokens with a vector make %d windows of %d: 10 windows of 2 tokens or more are "+
				"needed", len(s.Tokens), whole, length)
	}
	chosen := rng.Perm(whole)[:min(count, whole)]
	slices.Sort(chosen)
	w := Windows{Length: length}
	for _, i := range chosen {
		w.add(s, i*length)
	}
	return w, nil
}

// First returns the text's first count windows, one after the other.
func (s *Sequence) First(length, count int) Windows {
	w := Windows{Length: length}
	for i := range min(count, len(s.Tokens)/max(1, length)) {
		w.add(s, i*length)
	}
	return w
}

func (w *Windows) add(s *Sequence, start int) {
	w.Tokens = append(w.Tokens, s.Tokens[start:start+w.Length]...)
	w.Starts = append(w.Starts, start)
}

// Count is the number of windows.
func (w Windows) Count() int { return len(w.Tokens) / w.Length }

// Split returns which windows are held out.
func (w Windows) Split(s Split, rng *rand.Rand) []bool {
	held := make([]bool, w.Count())
	test := max(1, len(held)/5)
	for i := range held[:test] {
		held[len(held)-1-i] = true
	}
	if s == Random {
		rng.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
	}
	return held
}

// pairs are tokens ℓ apart in the windows, of training and held out.
type pairs struct{ x, y, testX, testY []int32 }

func (w Windows) pairs(lag int, held []bool, outputs []int32) pairs {
	var p pairs
	for i, test := range held {
		begin, end := i*w.Length, (i+1)*w.Length
		if test {
			p.testX, p.testY = append(p.testX, w.Tokens[begin:end-lag]...), append(p.testY,
				outputs[begin+lag:end]...)
		} else {
			p.x, p.y = append(p.x, w.Tokens[begin:end-lag]...), append(p.y,
				outputs[begin+lag:end]...)
		}
	}
	return p
}

// Study fits one W to all training windows of a text and asks held-out ones.
type Study struct {
	sequence *Sequence // in k dimensions
	windows  Windows
	held     []bool
}

// NewStudy prepares windows of a sequence: the split, and the principal axes
// of the training windows.
func NewStudy(s *Sequence, w Windows, split Split, k int, rng *rand.Rand) (*Study, error) {
	held := w.Split(split, rng)
	var training []int32
	for i, test := range held {
		if !test {
			training = append(training, w.Tokens[i*w.Length:(i+1)*w.Length]...)
		}
	}
	reduced, err := s.Reduced(training, k)
	if err != nil {
		return nil, err
	}
	return &Study{reduced, w, held}, nil
}

// Interval is a value between the ends of its 95 % interval.
type Interval struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	SE    float64 `json:"se"` // standard error: the standard deviation of the bootstrap
}

// bootstrapped returns a value with its interval from draws, which it sorts.
func bootstrapped(value float64, draws []float64) Interval {
	slices.Sort(draws)
	n := len(draws)
	return Interval{value, draws[n/40], draws[n-1-n/40], stat.StdDev(draws, nil)}
}

// blocks is how many runs of held-out windows are resampled as wholes, so that
// neighbours, which are not independent, stay together.
const blocks = 50

// Measure fits W at a lag and returns it with the held-out R² and its interval
// by a bootstrap over blocks of held-out windows, W fixed.
//
// Reference: Künsch, Annals of Statistics 17 (1989), doi:10.1214/aos/1176347265.
func (s *Study) Measure(lag int, rng *rand.Rand) (Fit, Interval, error) {
	p := s.windows.pairs(lag, s.held, s.windows.Tokens)
	g := newGram(s.sequence.Vectors)
	f, err := g.moments(p.x, p.y).fit(ridge)
	if err != nil {
		return f, Interval{}, err
	}
	value := f.r2(g.moments(p.testX, p.testY))
	sse, sst := make([]float64, blocks), make([]float64, blocks)
	for b := range blocks {
		from, to := b*len(p.testX)/blocks, (b+1)*len(p.testX)/blocks
		if from < to {
			sse[b], sst[b] = f.errors(g.moments(p.testX[from:to], p.testY[from:to]))
		}
	}
	draws := make([]float64, 2000)
	for i := range draws {
		e, t := 0.0, 0.0
		for range blocks {
			b := rng.IntN(blocks)
			e, t = e+sse[b], t+sst[b]
		}
		draws[i] = 1 - e/t
	}
	return f, bootstrapped(value, draws), nil
}

// Nulls returns the held-out R² at a lag of so many texts of a null, W fitted
// to each anew; step, if not nil, is called after each.
func (s *Study) Nulls(ctx context.Context, null Null, lag, count int, rng *rand.Rand,
	step func()) ([]float64, error) {
	g := newGram(s.sequence.Vectors)
	found := make([]float64, count)
	for i := range found {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p := s.draw(null, rng, lag)
		f, err := g.moments(p.x, p.y).fit(ridge)
		if err != nil {
			return nil, err
		}
		found[i] = f.r2(g.moments(p.testX, p.testY))
		if step != nil {
			step()
		}
	}
	return found, nil
}

// draw returns the pairs of a text of a null.
func (s *Study) draw(null Null, rng *rand.Rand, lag int) pairs {
	w := Windows{s.windows.Length, slices.Clone(s.windows.Tokens), s.windows.Starts}
	outputs := w.Tokens
	switch n := w.Length; null {
	case TokensPermuted:
		rng.Shuffle(len(w.Tokens), func(i, j int) { w.Tokens[i], w.Tokens[j] = w.Tokens[j], w.Tokens[i] })
	case WindowsSwapped:
		outputs = make([]int32, 0, len(w.Tokens))
		for _, i := range rng.Perm(w.Count()) {
			outputs = append(outputs, w.Tokens[i*n:(i+1)*n]...)
		}
	case Markov:
		s.sequence.successors(w, s.held).draw(w, rng)
	}
	return w.pairs(lag, s.held, outputs)
}

// PValue is the share of null values at least as large as the measured one,
// which is counted among them (Phipson & Smyth 2010, doi:10.2202/1544-6115.1585).
func PValue(measured float64, null []float64) float64 {
	n := 1
	for _, v := range null {
		if v >= measured {
			n++
		}
	}
	return float64(n) / float64(len(null)+1)
}

// Orthogonality returns |WᵀW - I|_F/√k, 0 for an orthogonal W and 1 for W = 0,
// and the singular values, the largest first.
func (f Fit) Orthogonality() (distance float64, singular []float64) {
	var svd mat.SVD
	k, _ := f.W.Dims()
	if !svd.Factorize(f.W, mat.SVDNone) {
		return math.NaN(), nil
	}
	singular = svd.Values(nil)
	for _, s := range singular {
		distance += (s*s - 1) * (s*s - 1)
	}
	return math.Sqrt(distance / float64(k)), singular
}
