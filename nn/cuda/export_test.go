package cuda

import (
	"time"

	"icar/ar"
	"icar/nn"
	"icar/nn/cuda/device"
	"icar/nn/cuda/ptx"
)

// OnIdle is On for a card that one warp keeps busy: warps have as many tokens and heads as
// they can.
func OnIdle(d device.Device) nn.NewBackend { return OnBusy(d, 1) }

// OnBusy is On for a card that so many warps keep busy.
func OnBusy(d device.Device, warps int) nn.NewBackend {
	return func(model *nn.Transformer[float32]) (nn.Backend, error) {
		b, err := On(d)(model)
		if err == nil {
			b.(*Backend).runs.busy = warps
		}
		return b, err
	}
}

// OnPatient is On where runs wait for each other for so long.
func OnPatient(d device.Device, patience time.Duration) nn.NewBackend {
	h := &halls{device: d, compiler: new(compiler), patience: patience}
	return func(model *nn.Transformer[float32]) (nn.Backend, error) {
		return h.backend(model), nil
	}
}

// PaceAfter is paceAfter.
var PaceAfter = paceAfter

// TextFor returns the kernels of a model for batches of n sequences of length t.
func TextFor(model *nn.Transformer[float32], n, t int) string {
	return ptx.Text(newPlan(model, n, t, 1, busyWarps, true).kernels...)
}

// DrawnText returns the kernels that draw.
func DrawnText(by nn.Drawing) string {
	p, err := newDrawing(by)
	if err != nil {
		return ""
	}
	return ptx.Text(p.variates.kernel(), p.haar.kernel(), p.tokens.kernel())
}

// FunctionsText returns a kernel that has the parameters of float64 x and of their logarithms
// and exponentials, pairs of them, and its name; a block has 32 threads.
func FunctionsText() (text, name string) {
	k := ptx.New("functions")
	in, out := k.Pointer(), k.Pointer()
	i := k.Add(k.Mul(k.Block(ptx.X), ptx.Int(32)), k.Thread(ptx.X))
	x, to := k.LoadWide(k.At(in, i, 8), 0), k.At(out, i, 16)
	k.StoreWide(to, 0, logarithm(k, x))
	k.StoreWide(to, 8, exponentialWide(k, k.NegativeWide(x)))
	return ptx.Text(k), k.Name()
}

// WideText returns a kernel that does what haar does, in float64: it has the parameters T, the
// numbers (32, M) of sequences and what comes of them, W and then T states (32, D·D + T·D).
func WideText(law ar.Process) (text, name string) {
	k, h := ptx.New("wide"), haar{law}
	length := k.Number()
	in, out := k.Pointer(), k.Pointer()
	s, numbers, drawn := k.Thread(ptx.X), variates{law.D}.numbers(), 0
	w := h.matrix(k, func() ptx.F64 {
		drawn++
		return k.LoadWide(k.At(in, s, 8*numbers), 8*(drawn-1))
	})
	size := k.Product(k.Add(length, ptx.Int(law.D)), ptx.Int(8*law.D))
	to := k.CopyAddress(k.Stride(out, s, size))
	store := func(row []ptx.F64) {
		for i, x := range row {
			k.StoreWide(to, 8*i, x)
		}
		k.MoveTo(to, ptx.Long(8*law.D))
	}
	for _, row := range w {
		store(row)
	}
	h.rollout(k, w, length, store)
	return ptx.Text(k), k.Name()
}

// Strip is a strip of the ziggurat.
type Strip struct {
	Sure          uint32
	Width, Height float32
}

// Ziggurat returns the strips.
func Ziggurat() (all []Strip) {
	for _, s := range ziggurat() {
		all = append(all, Strip{s.sure, s.width, s.height})
	}
	return all
}

// Keys makes those of the generators of some steps.
func Keys(by nn.Drawing, k, steps int) []byte {
	p, err := newDrawing(by)
	if err != nil {
		return nil
	}
	return p.keys(k, steps)
}
