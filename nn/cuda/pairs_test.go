package cuda

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"icar/ar"
	"icar/nn"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
	"icar/nn/cuda/ptx"
)

// board is memory and calls of a run that has no more than a test needs.
type board struct {
	t     *testing.T
	plan  *plan
	data  map[span][]float32 // what is there before the calls
	list  []call
	batch nn.Batch[float32] // of plans that have a source
	rand  *rand.Rand
}

func newBoard(t *testing.T) *board {
	return &board{t: t, plan: &plan{}, data: map[span][]float32{}, rand: ar.Rand(1, "pairs", 0)}
}

// put takes up memory with v in it, padded by zeros to n numbers.
func (b *board) put(v []float32, n int) span {
	s := b.plan.numbers(n)
	b.data[s] = append(append([]float32{}, v...), make([]float32, n-len(v))...)
	return s
}

// draw returns n random numbers.
func (b *board) draw(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(b.rand.NormFloat64())
	}
	return v
}

// run makes the calls, of a run that is the second of two, and returns what is in spans.
func (b *board) run(spans ...span) [][]float32 {
	b.t.Helper()
	ctx, d, p := context.Background(), emulator.New(), b.plan
	check := func(err error) {
		b.t.Helper()
		if err != nil {
			b.t.Fatal(err)
		}
	}
	var names []string
	for _, k := range p.kernels {
		names = append(names, k.Name())
	}
	m, err := d.Load(ctx, ptx.Text(p.kernels...), names...)
	check(err)
	kernels := map[string]device.Kernel{}
	for i, k := range m.Kernels {
		kernels[names[i]] = k
	}
	base, err := d.Alloc(ctx, 2*p.bytes)
	check(err)
	second := base + device.Pointer(p.bytes)
	for _, at := range []device.Pointer{base, second} {
		for s, v := range b.data {
			check(d.Write(ctx, at+device.Pointer(s.at), encode(v)))
		}
	}
	where := binding{runs: 2, base: base, runBytes: p.bytes}
	if p.source.bytes > 0 {
		set, err := Hold(ctx, d, b.batch)
		check(err)
		for run := range 2 {
			r := runs{device: d, plan: p, binding: where, side: make([]int, 2)}
			check(r.sendBearings(ctx, run, bearings{course: r.state(run, false), set: set,
				order: [][]int{inOrder(p.n)}}))
		}
	}
	check(d.Launch(ctx, p.work(kernels, where, b.list)))
	var out [][]float32
	for _, s := range spans {
		data := make([]byte, s.bytes)
		check(d.Read(ctx, data, second+device.Pointer(s.at)))
		out = append(out, decode(data))
	}
	return out
}

// near fails the test if got is not want up to rounding of sums of about that size.
func near(t *testing.T, what string, got float32, want, size float64) {
	t.Helper()
	if !(math.Abs(float64(got)-want) <= 4e-6*size) {
		t.Fatalf("%s is %v, not %v", what, got, want)
	}
}

// pairCase is a shape of the tests.
type pairCase struct {
	pairs
	n, t int
}

// pairCases have tokens and sequences that fill their tiles and such that do not, strips of
// several dimensions, of one, and with rows to spare.
func pairCases() []pairCase {
	shape := func(heads, d, e, n, t int) pairCase {
		return pairCase{pairs{heads, d, e, e*(e+1)/2 - 1}, n, t}
	}
	return []pairCase{shape(44, 5, 6, 130, 13), shape(41, 4, 3, 40, 7), shape(64, 3, 5, 128, 4),
		shape(40, 3, 7, 3, 2), shape(40, 10, 6, 128, 16)}
}

func (c pairCase) String() string {
	return fmt.Sprintf("H=%d D=%d E=%d N=%d T=%d", c.heads, c.d, c.e, c.n, c.t)
}

// columns is N padded.
func (c pairCase) columns() int { return up(c.n, piece) * piece }

// token is x̃ of sequence n at token i, of x (N, T, E-1).
func (c pairCase) token(x []float32, n, i int) []float64 {
	v := make([]float64, c.e)
	if n >= c.n {
		return v
	}
	for k := range c.e - 1 {
		v[k] = float64(x[(n*c.t+i)*(c.e-1)+k])
	}
	v[c.e-1] = 1
	return v
}

// each calls f for the monomials.
func (c pairCase) each(f func(k, one, other int)) {
	for b := range c.e - 1 {
		for d := b; d < c.e; d++ {
			f(c.monomial(b, d), b, d)
		}
	}
}

// products is F for tokens x.
func (c pairCase) products(x []float32) []float32 {
	places := c.places(c.t)
	f := make([]float32, c.columns()*places)
	for n := range c.columns() {
		for j := range c.t {
			v := c.token(x, n, j)
			c.each(func(k, b, d int) {
				f[(n/piece*places+j*c.monomials+k)*piece+n%piece] = float32(v[b]) * float32(v[d])
			})
		}
	}
	return f
}

// TestPairOutputs compares the sums over keys with plain ones in float64.
func TestPairOutputs(t *testing.T) {
	for _, c := range pairCases() {
		b := newBoard(t)
		tile := c.mainTiling()
		places, height := c.places(c.t), tile.height()
		f := c.products(b.draw(c.n * c.t * (c.e - 1)))
		tensors := make([]float32, c.stripTiles(c.t)*places*height)
		at := func(i, j, k, d, e int) *float32 { // of K_ij
			row := i*c.rows() + c.row(d, e)
			return &tensors[(row/height*places+j*c.monomials+k)*height+row%height]
		}
		for i := range c.t {
			for jk := range (i + 1) * c.monomials {
				for d := range c.d {
					for e := range c.e {
						*at(i, jk/c.monomials, jk%c.monomials, d, e) = float32(b.rand.NormFloat64())
					}
				}
			}
		}
		slots := c.outputDealing(c.columns(), c.t).slots
		parts := b.plan.numbers(slots * c.t * c.outs() * c.columns())
		c.callOutputs(b.plan, &b.list, c.columns(), c.t, b.put(tensors, len(tensors)),
			b.put(f, len(f)), parts)
		got := b.run(parts)[0]
		for n := range c.columns() {
			of := func(i, k int) float64 {
				return float64(f[(n/piece*places+i*c.monomials+k)*piece+n%piece])
			}
			for i := range c.t {
				for d := range c.d {
					want, sum := 0.0, float32(0)
					for e := range c.e {
						x := 1.0
						if e < c.e-1 {
							x = of(i, c.monomial(e, c.e-1))
						}
						for jk := range (i + 1) * c.monomials {
							want += x * of(jk/c.monomials, jk%c.monomials) *
								float64(*at(i, jk/c.monomials, jk%c.monomials, d, e))
						}
					}
					for slot := range slots {
						sum += got[((slot*c.t+i)*c.outs()+d)*c.columns()+n]
					}
					near(t, fmt.Sprint(c, " o of n, i, d ", n, i, d), sum, want, 100)
				}
			}
		}
	}
}

// TestPairGradients compares the sums over sequences with plain ones in float64.
func TestPairGradients(t *testing.T) {
	for _, c := range pairCases() {
		b := newBoard(t)
		x, height := b.draw(c.n*c.t*(c.e-1)), c.mainTiling().height()
		f := make([]float32, c.pieces(c.t)*c.columns()*piece)
		rows := make([]float32, c.stripTiles(c.t)*c.columns()*height)
		g := b.draw(c.n * c.t * c.d)
		of := func(n, i, k int) *float32 {
			at := i*c.monomials + k
			return &f[(at/piece*c.columns()+n)*piece+at%piece]
		}
		for n := range c.n {
			for i := range c.t {
				token := c.token(x, n, i)
				c.each(func(k, b, d int) {
					*of(n, i, k) = float32(token[b]) * float32(token[d])
				})
				for d := range c.d {
					for e, v := range token {
						at := i*c.rows() + c.row(d, e)
						rows[(at/height*c.columns()+n)*height+at%height] =
							float32(v) * g[(n*c.t+i)*c.d+d]
					}
				}
			}
		}
		slots := c.gradientDealing(c.columns(), c.t).slots
		size := pairsOf(c.t) * c.numbers()
		dk := b.plan.numbers(slots * size)
		c.callGradients(b.plan, &b.list, c.columns(), c.t, b.put(rows, len(rows)),
			b.put(f, len(f)), dk)
		got := b.run(dk)[0]
		for i := range c.t {
			for jk := range (i + 1) * c.monomials {
				for d := range c.d {
					for e := range c.e {
						want := 0.0
						for n := range c.n {
							want += c.token(x, n, i)[e] * float64(g[(n*c.t+i)*c.d+d]) *
								float64(*of(n, jk/c.monomials, jk%c.monomials))
						}
						place := (pairsOf(i)*c.monomials+jk)*c.rows() + c.row(d, e)
						sum := float32(0)
						for slot := range slots {
							sum += got[slot*size+place]
						}
						near(t, fmt.Sprint(c, " dK of i, jk, d, e ", i, jk, d, e), sum, want, 50)
					}
				}
			}
		}
	}
}
