package nn

import (
	"sync/atomic"

	"icar/nn/kernel"
)

// counter is a kernel that counts operations on one of its lanes.
type counter struct {
	kernel.Kernel
	flops *atomic.Int64
}

func (k counter) count(n int) { k.flops.Add(int64(n)) }

func (k counter) Mul(c, a, b kernel.Matrix, add bool) {
	k.count(2 * c.Rows * c.Cols * a.Cols)
	k.Kernel.Mul(c, a, b, add)
}

func (k counter) MulShared(c, a, b kernel.Matrix, add bool) {
	k.count(2 * c.Rows * c.Cols * a.Cols)
	k.Kernel.MulShared(c, a, b, add)
}

func (k counter) Add(dst, a, b kernel.Matrix) {
	k.count(dst.Rows * dst.Cols)
	k.Kernel.Add(dst, a, b)
}

func (k counter) GELU(y, x kernel.Matrix) {
	k.count(50 * x.Rows * x.Cols)
	k.Kernel.GELU(y, x)
}

func (k counter) GELUBackward(dx, x kernel.Matrix) {
	k.count(54 * x.Rows * x.Cols)
	k.Kernel.GELUBackward(dx, x)
}

func (k counter) Weigh(s, p kernel.Matrix) {
	k.count(s.Rows * s.Cols)
	k.Kernel.Weigh(s, p)
}

func (k counter) WeighBackward(q, s, t, p kernel.Matrix) {
	k.count(3 * s.Rows * s.Cols)
	k.Kernel.WeighBackward(q, s, t, p)
}

func (k counter) Softmax(s kernel.Matrix, first int) {
	k.count(20 * s.Rows * s.Cols)
	k.Kernel.Softmax(s, first)
}

func (k counter) SoftmaxBackward(q, s, t, p kernel.Matrix, first int) {
	k.count(7 * s.Rows * s.Cols)
	k.Kernel.SoftmaxBackward(q, s, t, p, first)
}

func (k counter) Attend(y, z, x, p kernel.Matrix, scratch kernel.Panel) {
	k.count((4*x.Cols + 1) * x.Rows * (x.Rows + 1) / 2)
	k.Kernel.Attend(y, z, x, p, scratch)
}

func (k counter) AttendBackward(a, dp, z, v, x, p kernel.Matrix, scratch kernel.Panel) {
	k.count((6*x.Cols + 2) * x.Rows * (x.Rows + 1) / 2)
	k.Kernel.AttendBackward(a, dp, z, v, x, p, scratch)
}

func (k counter) Norm(y, normal, rstd, x kernel.Matrix, gamma, beta []float32, epsilon float32) {
	k.count(6 * x.Rows * x.Cols)
	k.Kernel.Norm(y, normal, rstd, x, gamma, beta, epsilon)
}

func (k counter) NormBackward(dy, normal, rstd kernel.Matrix, gamma, dgamma, dbeta []float32) {
	k.count(10 * dy.Rows * dy.Cols)
	k.Kernel.NormBackward(dy, normal, rstd, gamma, dgamma, dbeta)
}
