package cuda

// Shapes: R runs, K steps, N batch, T time, c width, C coords, P parameters.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"icar/nn"
	"icar/nn/cuda/device"
	"icar/nn/cuda/ptx"
)

// mostEmbed is the largest D: a thread has three vectors of that many numbers in its
// 255 registers.
const mostEmbed = 64

// supported returns why there are no kernels for a model of c, or nil.
func supported(c nn.Config) error {
	mixer := nn.FullHeads{}.Name()
	if c.Mixer != "" {
		mixer = c.Mixer
	}
	switch {
	case c.Mixing != nil || mixer != nn.FullHeads{}.Name() && mixer != nn.MultiHead{}.Name():
		return fmt.Errorf("there are no kernels for a card of the mixer %q: %w", mixer,
			errors.ErrUnsupported)
	case c.Embed > mostEmbed:
		return fmt.Errorf("embed %d is more than the %d that a card has registers for: %w",
			c.Embed, mostEmbed, errors.ErrUnsupported)
	}
	return nil
}

// runs are models of one shape in the memory of a device, side by side.
type runs struct {
	device   device.Device
	models   []*nn.Transformer[float32]
	busy     int   // warps, see busyWarps
	fold     bool  // heads, where it can be done, for all but predictions
	side     []int // parity of the steps that were made, of each run
	plan     *plan
	compiler *compiler
	others   func() bool // whether other runs could make steps meanwhile, nil for no
	kernels  map[string]device.Kernel
	binding  binding
	batch    Set               // that of send
	sent     [2]device.Pointer // what the run was told of it
}

func newRuns(d device.Device, l *compiler, models ...*nn.Transformer[float32]) runs {
	return runs{device: d, compiler: l, models: models, busy: busyWarps, fold: true,
		side: make([]int, len(models))}
}

// prepare makes room for batches of n sequences of length t and for steps, and loads the
// kernels of some lists.
func (r *runs) prepare(ctx context.Context, n, t, steps int, lists func(*plan) [][]call) error {
	if p := r.plan; p != nil && p.n == n && p.t == t && p.steps >= steps {
		return r.load(ctx, p.kernelsOf(lists(p)...))
	}
	if err := r.close(ctx); err != nil {
		return err
	}
	p := newPlan(r.models[0], n, t, steps, r.busy, r.fold)
	r.kernels = nil
	if err := r.load(ctx, p.kernelsOf(lists(p)...)); err != nil {
		return err
	}
	base, err := r.device.Alloc(ctx, p.bytes*len(r.models))
	if err != nil {
		return fmt.Errorf("%d sequences of length %d of %d models: %w", n, t, len(r.models), err)
	}
	r.plan, r.sent = p, [2]device.Pointer{}
	r.binding = binding{runs: len(r.models), base: base, runBytes: p.bytes}
	for i := range r.models {
		for _, s := range p.cleared {
			if err := r.write(ctx, i, s, make([]float32, s.bytes/4)); err != nil {
				return errors.Join(err, r.close(context.WithoutCancel(ctx)))
			}
		}
	}
	return nil
}

// inOrder are the first n sequences of a set.
func inOrder(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// load has some kernels be there, which depend on the model alone. Others of the plan are not
// compiled before they are wanted: a prediction needs a third of them.
func (r *runs) load(ctx context.Context, some []*ptx.Kernel) error {
	var missing []*ptx.Kernel
	for _, k := range some {
		if _, there := r.kernels[k.Name()]; !there {
			missing = append(missing, k)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	loaded, err := r.compiler.load(ctx, r.device, demand{missing, r.others})
	if err != nil {
		return err
	}
	if r.kernels == nil {
		r.kernels = map[string]device.Kernel{}
	}
	maps.Copy(r.kernels, loaded)
	return nil
}

// close releases the runs' memory, not the kernels and the data.
func (r *runs) close(ctx context.Context) error {
	if r.plan == nil {
		return nil
	}
	r.plan = nil
	return r.device.Free(ctx, r.binding.base)
}

// at is the address of a span of a run.
func (r *runs) at(run int, s span) device.Pointer {
	return r.binding.base + device.Pointer(run*r.plan.bytes+s.at)
}

// write sets a span of a run to v.
func (r *runs) write(ctx context.Context, run int, s span, v []float32) error {
	return r.device.Write(ctx, r.at(run, s), encode(v))
}

// read returns a span of a run.
func (r *runs) read(ctx context.Context, run int, s span) ([]float32, error) {
	data := make([]byte, s.bytes)
	if err := r.device.Read(ctx, data, r.at(run, s)); err != nil {
		return nil, err
	}
	return decode(data), nil
}

// send has the next step of the run be on a batch, which may lack targets.
func (r *runs) send(ctx context.Context, b nn.Batch[float32]) error {
	if err := r.batch.send(ctx, r.device, b); err != nil {
		return err
	}
	if at := [2]device.Pointer{r.batch.x.at, r.batch.y.at}; at != r.sent {
		r.sent = at
		return r.sendBearings(ctx, 0, bearings{course: r.state(0, false), set: &r.batch,
			order: [][]int{inOrder(b.N)}})
	}
	return nil
}

// sendModel brings the parameters of a run to the device and sets its clock to 0.
func (r *runs) sendModel(ctx context.Context, run int) error {
	theta := joined(nn.Tensors(r.models[run].Parameters()))
	r.side[run] = 0
	if err := r.write(ctx, run, r.plan.theta, theta); err != nil {
		return err
	}
	return r.write(ctx, run, r.plan.course, r.state(run, false))
}

// state is that of a run whose clock is at 0.
func (r *runs) state(run int, halted bool) []float32 {
	state := make([]float32, states)
	if halted {
		state[stopped] = 1
	}
	state[parity] = math.Float32frombits(uint32(r.side[run]))
	return state
}

// current is where the parameters of a run are, or a moment, of theta, m and v: of folded
// heads these have two places, see folded_descend.go.
func (r *runs) current(run int, s span) span {
	s = s.from(r.side[run] * padded(r.plan.p))
	s.bytes = 4 * r.plan.p
	return s
}

// joined are the numbers of tensors, one after the other.
func joined(tensors []nn.Tensor[float32]) (v []float32) {
	for _, t := range tensors {
		v = append(v, t.Data...)
	}
	return v
}

// share gives tensors their numbers back.
func share(v []float32, tensors []nn.Tensor[float32]) {
	for _, t := range tensors {
		v = v[copy(t.Data, v):]
	}
}

// launch runs lists of calls of the plan.
func (r *runs) launch(ctx context.Context, lists ...[]call) error {
	return r.device.Launch(ctx, r.plan.work(r.kernels, r.binding, lists...))
}

// fate returns the number of steps that a run has made, and whether the step after
// them came to something that is not finite.
func (r *runs) fate(ctx context.Context, run int) (steps int, broken bool, err error) {
	v, err := r.read(ctx, run, r.plan.course)
	if err != nil {
		return 0, false, err
	}
	return int(math.Float32bits(v[clock])), v[stopped] != 0, nil
}

// lossesOf returns those of the first steps of a run.
func (r *runs) lossesOf(ctx context.Context, run, steps int) ([]float64, error) {
	data := make([]byte, 8*32*steps)
	if steps == 0 {
		return nil, nil
	}
	if err := r.device.Read(ctx, data, r.at(run, r.plan.losses)); err != nil {
		return nil, err
	}
	losses := make([]float64, steps)
	count := float64(r.plan.n * r.plan.t * r.plan.config.Coords)
	for k := range losses {
		for l := range 32 {
			losses[k] += math.Float64frombits(binary.LittleEndian.Uint64(data[8*(32*k+l):]))
		}
		losses[k] /= count
	}
	return losses, nil
}

// output returns the predictions (N, T, c) of a run.
func (r *runs) output(ctx context.Context, run int) ([]float32, error) {
	v, err := r.read(ctx, run, r.plan.output)
	if err != nil {
		return nil, err
	}
	n, row := r.plan.n, r.plan.t*r.plan.config.Width
	out := make([]float32, n*row)
	for i := range out {
		sequence, place := i/row, i%row
		out[i] = v[(sequence/32*row+place)*32+sequence%32]
	}
	return out, nil
}

// notFinite returns the index of the first infinity or NaN of v, or -1.
func notFinite(v []float32) int {
	return slices.IndexFunc(v, func(x float32) bool { return x-x != 0 })
}

// release gives the memory back to the device.
func (r *runs) release(ctx context.Context) error {
	return errors.Join(r.close(ctx), r.batch.Release(ctx, r.device))
}
