package nn

import (
	"context"
	"sync/atomic"

	"icar/nn/kernel"
)

// counter is a kernel that counts operations on one of its lanes, and the entries of all
// that its loops read and write, every operand once a call.
type counter struct {
	kernel.Kernel
	flops, entries *atomic.Int64
}

func (k counter) count(flops, entries int) {
	k.flops.Add(int64(flops))
	k.entries.Add(int64(entries))
}

// ofProduct returns the entries that c = a·b reads and writes, a plain a's besides.
func ofProduct(c, a, b kernel.Matrix, plain, add bool) int {
	n := c.Rows*c.Cols + b.Rows*b.Cols
	if add {
		n += c.Rows * c.Cols
	}
	if plain {
		return n + a.Rows*a.Cols/kernel.Lanes
	}
	return n + a.Rows*a.Cols
}

// Counted returns the floating-point operations that an Engine asks of its kernel for
// the gradient of b, which come to about those of [Config.Flops], and the bytes of what
// its loops read and write for it, every operand once a call. The error is the Engine's.
func Counted(ctx context.Context, model *Transformer[float32], k kernel.Kernel,
	b Batch[float32]) (flops, bytes float64, err error) {
	const number = 4
	var operations, entries atomic.Int64
	e, err := NewEngine(model, counter{k, &operations, &entries})
	if err != nil {
		return 0, 0, err
	}
	_, err = e.Gradient(ctx, b)
	flops, bytes = float64(operations.Load()), number*float64(entries.Load())
	return kernel.Lanes * flops, kernel.Lanes * bytes, err
}

func (k counter) Mul(c, a, b kernel.Matrix, add bool) {
	k.count(2*c.Rows*c.Cols*a.Cols, ofProduct(c, a, b, false, add))
	k.Kernel.Mul(c, a, b, add)
}

func (k counter) MulShared(c, a, b kernel.Matrix, add bool) {
	k.count(2*c.Rows*c.Cols*a.Cols, ofProduct(c, a, b, true, add))
	k.Kernel.MulShared(c, a, b, add)
}

func (k counter) Sum(dst, src []float32) {
	k.count(0, len(dst))
	k.Kernel.Sum(dst, src)
}

func (k counter) Add(dst, a, b kernel.Matrix) {
	k.count(dst.Rows*dst.Cols, 3*dst.Rows*dst.Cols)
	k.Kernel.Add(dst, a, b)
}

func (k counter) GELU(y, x kernel.Matrix) {
	k.count(50*x.Rows*x.Cols, 2*x.Rows*x.Cols)
	k.Kernel.GELU(y, x)
}

func (k counter) GELUBackward(dx, x kernel.Matrix) {
	k.count(54*x.Rows*x.Cols, 3*x.Rows*x.Cols)
	k.Kernel.GELUBackward(dx, x)
}

func (k counter) Weigh(s, p kernel.Matrix) {
	k.count(s.Rows*s.Cols, 2*s.Rows*s.Cols)
	k.Kernel.Weigh(s, p)
}

func (k counter) WeighBackward(q, s, t, p kernel.Matrix) {
	k.count(3*s.Rows*s.Cols, 5*s.Rows*s.Cols)
	k.Kernel.WeighBackward(q, s, t, p)
}

func (k counter) Softmax(s kernel.Matrix, first int) {
	k.count(20*s.Rows*s.Cols, 2*s.Rows*s.Cols)
	k.Kernel.Softmax(s, first)
}

func (k counter) SoftmaxBackward(q, s, t, p kernel.Matrix, first int) {
	k.count(7*s.Rows*s.Cols, 5*s.Rows*s.Cols)
	k.Kernel.SoftmaxBackward(q, s, t, p, first)
}

func (k counter) Attend(y, z, x, p kernel.Matrix, scratch kernel.Panel) {
	k.count((4*x.Cols+1)*x.Rows*(x.Rows+1)/2, 3*x.Rows*x.Cols)
	k.Kernel.Attend(y, z, x, p, scratch)
}

func (k counter) AttendBackward(a, dp, z, v, x, p kernel.Matrix, scratch kernel.Panel) {
	k.count((6*x.Cols+2)*x.Rows*(x.Rows+1)/2, 4*x.Rows*x.Cols+x.Rows*(x.Rows+1))
	k.Kernel.AttendBackward(a, dp, z, v, x, p, scratch)
}

func (k counter) Norm(y, normal, rstd, x kernel.Matrix, gamma, beta []float32, epsilon float32) {
	k.count(6*x.Rows*x.Cols, 3*x.Rows*x.Cols)
	k.Kernel.Norm(y, normal, rstd, x, gamma, beta, epsilon)
}

func (k counter) NormBackward(dy, normal, rstd kernel.Matrix, gamma, dgamma, dbeta []float32) {
	k.count(10*dy.Rows*dy.Cols, 3*dy.Rows*dy.Cols)
	k.Kernel.NormBackward(dy, normal, rstd, gamma, dgamma, dbeta)
}
