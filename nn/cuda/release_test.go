package cuda_test

import (
	"context"
	"errors"
	"testing"

	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
)

// tally counts what a device holds for others.
type tally struct {
	device.Device
	memory, graphs, modules int
	sent                    map[int]int // by bytes
	least                   int         // sends fail that have so many bytes, 0 for none
	blind                   bool        // nothing can be read
}

func (d *tally) Alloc(ctx context.Context, bytes int) (device.Pointer, error) {
	p, err := d.Device.Alloc(ctx, bytes)
	if err == nil {
		d.memory++
	}
	return p, err
}

func (d *tally) Free(ctx context.Context, p device.Pointer) error {
	err := d.Device.Free(ctx, p)
	if err == nil {
		d.memory--
	}
	return err
}

func (d *tally) Write(ctx context.Context, p device.Pointer, data []byte) error {
	if d.least > 0 && len(data) >= d.least {
		return errFailed
	}
	if d.sent == nil {
		d.sent = map[int]int{}
	}
	d.sent[len(data)]++
	return d.Device.Write(ctx, p, data)
}

func (d *tally) Read(ctx context.Context, data []byte, p device.Pointer) error {
	if d.blind {
		return errFailed
	}
	return d.Device.Read(ctx, data, p)
}

func (d *tally) Record(ctx context.Context, work []device.Launch) (device.Graph, error) {
	g, err := d.Device.Record(ctx, work)
	if err == nil {
		d.graphs++
	}
	return g, err
}

func (d *tally) Forget(ctx context.Context, g device.Graph) error {
	err := d.Device.Forget(ctx, g)
	if err == nil {
		d.graphs--
	}
	return err
}

func (d *tally) Load(ctx context.Context, text string, names ...string) (device.Module, error) {
	m, err := d.Device.Load(ctx, text, names...)
	if err == nil {
		d.modules++
	}
	return m, err
}

func (d *tally) Unload(ctx context.Context, m device.Module) error {
	err := d.Device.Unload(ctx, m)
	if err == nil {
		d.modules--
	}
	return err
}

// empty checks that memory and recorded steps were given back.
func (d *tally) empty(t *testing.T, after string) {
	t.Helper()
	if d.memory != 0 || d.graphs != 0 {
		t.Errorf("after %s there are %d pieces of memory and %d recorded steps", after, d.memory,
			d.graphs)
	}
}

// Who is done gives back what it had of a device: backends, runs of a hall, also where they
// have taken each other's places, and trainers, with their kernels.
func TestNothingIsLeft(t *testing.T) {
	ctx, c := context.Background(), small()
	cards := deck{draw(c, 1, 11, 1)[0], 5}
	d := &tally{Device: emulator.New()}
	build := cuda.OnPatient(device.Share(d), 0)

	b, err := build(newModel(t, c, 1))
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Gradient(ctx, cards.set)
	_, predicted := b.Predict(ctx, cards.set)
	if err := errors.Join(err, predicted, nn.Release(ctx, b)); err != nil {
		t.Fatal(err)
	}
	d.empty(t, "a gradient and a prediction")

	var steppers []nn.Stepper
	for i, feed := range []nn.Feed{cards, drawn{cards, 9}, cards} {
		_, s := descend(t, build, c, uint64(i), nn.Descent{Feed: feed, Last: 9, Clip: float64(i)})
		steps(t, s, 1, 2) // each needs a seat more
		steppers = append(steppers, s)
	}
	for i, s := range steppers {
		steps(t, s, 3, 4)
		if finish(t, s); i == 0 {
			_, other := descend(t, build, c, 7, nn.Descent{Feed: cards, Last: 9})
			steps(t, other, 1, 2) // in its seat
			finish(t, other)
		}
	}
	d.empty(t, "runs of a hall")

	trainer, err := cuda.NewTrainer(ctx, d, cuda.Shape{N: 5, T: c.Length, Steps: 1},
		newModel(t, c, 1))
	if err != nil {
		t.Fatal(err)
	}
	before := d.modules - 1
	if err := trainer.Close(ctx); err != nil {
		t.Fatal(err)
	}
	d.empty(t, "a trainer")
	d.least = 4 // bytes
	if _, err := cuda.NewTrainer(ctx, d, cuda.Shape{N: 5, T: c.Length, Steps: 1},
		newModel(t, c, 1)); !errors.Is(err, errFailed) {
		t.Errorf("a trainer to which nothing can be sent: %v", err)
	}
	if d.empty(t, "a trainer that failed"); d.modules != before {
		t.Errorf("%d modules were compiled for trainers and are left", d.modules-before)
	}
	if _, err := cuda.Hold(ctx, d, cards.set); !errors.Is(err, errFailed) {
		t.Errorf("a set that cannot be sent: %v", err)
	}
	_, s := descend(t, build, c, 1, nn.Descent{Feed: drawn{cards, 9}, Last: 9})
	if _, err := s.Steps(ctx, 1, 1); !errors.Is(err, errFailed) {
		t.Errorf("sequences that cannot be sent: %v", err)
	}
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	d.empty(t, "sequences that cannot be sent")
}
