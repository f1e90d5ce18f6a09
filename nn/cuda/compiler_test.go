package cuda_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
)

// beside is a device that compiles beside what it does, and notes who has compiled.
type beside struct {
	device.Device
	onCompile func(context.Context) error // nil for nothing
	onLoad    func(ahead bool) error      // nil for nothing

	mu    sync.Mutex
	ahead map[string]bool // texts
	count [2]int          // texts that were loaded as they came, and that were compiled before
}

func newBeside() *beside { return &beside{Device: emulator.New(), ahead: map[string]bool{}} }

func (b *beside) Compile(ctx context.Context, text string) error {
	if b.onCompile != nil {
		if err := b.onCompile(ctx); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ahead[text] = true
	return nil
}

func (b *beside) Load(ctx context.Context, text string, names ...string) (device.Module, error) {
	b.mu.Lock()
	ahead := b.ahead[text]
	b.count[map[bool]int{true: 1}[ahead]]++
	b.mu.Unlock()
	if b.onLoad != nil {
		if err := b.onLoad(ahead); err != nil {
			return device.Module{}, err
		}
	}
	return b.Device.Load(ctx, text, names...)
}

// Replay takes time, in a bubble too: no steps take none.
func (b *beside) Replay(ctx context.Context, g device.Graph, n int) error {
	time.Sleep(time.Duration(n) * time.Microsecond)
	return b.Device.Replay(ctx, g, n)
}

// waits is how long, in a bubble, one who waits for something that is bound to come does so.
const waits = time.Minute

var errAlone = errors.New("the others do not come")

// shaped are models of which every one has kernels of its own.
func shaped(i int) nn.Config {
	c := small()
	c.Embed = 2 * (i + 1)
	return c
}

// folds is a model whose steps have other kernels than its predictions.
func folds() nn.Config {
	c := small()
	c.Norm, c.FinalNorm = false, false
	return c
}

// askGradient asks for a gradient of a model.
func askGradient(ctx context.Context, t *testing.T, build nn.NewBackend, c nn.Config) error {
	t.Helper()
	b, err := build(newModel(t, c, 1))
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Gradient(ctx, draw(c, 1, 3, 1)[0])
	return err
}

// Of kernels that are wanted at once the device compiles the first, and those of the other
// models are compiled beside that, all at the same time, and only loaded then.
func TestKernelsAreCompiledSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const models = 5
		d := newBeside()
		var missing sync.WaitGroup // without an end if one waits for another
		missing.Add(models)
		d.onCompile = func(context.Context) error {
			missing.Done()
			missing.Wait()
			return nil
		}
		d.onLoad = func(ahead bool) error {
			if ahead {
				return nil
			}
			return d.onCompile(t.Context())
		}
		build := cuda.On(device.Share(d))
		var g sync.WaitGroup
		for i := range models {
			g.Go(func() {
				if err := askGradient(t.Context(), t, build, shaped(i)); err != nil {
					t.Error(err)
				}
			})
		}
		g.Wait()
		if d.count != [2]int{1, models - 1} {
			t.Errorf("%d texts are compiled as they are loaded, %d were before", d.count[0],
				d.count[1])
		}
	})
}

// Two models that want the same kernels wait for one compilation. If it fails the second
// compiles them itself.
func TestKernelsOnTheirWayAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errFirst := errors.New("the first compilation fails")
		for _, fault := range []error{nil, errFirst} {
			d, begun := newBeside(), make(chan struct{})
			d.onLoad = func(bool) error {
				select {
				case <-begun:
					return nil
				default:
				}
				close(begun)
				time.Sleep(time.Second) // for a second to come
				return fault
			}
			build := cuda.On(device.Share(d))
			first := make(chan error, 1)
			go func() { first <- askGradient(t.Context(), t, build, small()) }()
			<-begun
			second := askGradient(t.Context(), t, build, small())
			if err := <-first; err != fault && !errors.Is(err, fault) || second != nil {
				t.Errorf("fault %v: the first has %v, the second %v", fault, err, second)
			}
			want := [2]int{1, 0}
			if fault != nil {
				want[0] = 2
			}
			if d.count != want {
				t.Errorf("fault %v: texts were loaded %v times, want %v", fault, d.count, want)
			}
		}
	})
}

// Who waits for kernels that another compiles and is told to end does not wait for these.
func TestWhoWaitsForKernelsIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, done := newBeside(), make(chan error)
		d.onLoad = func(bool) error {
			time.Sleep(time.Hour)
			return nil
		}
		build, begin := cuda.On(device.Share(d)), time.Now()
		go func() { done <- askGradient(t.Context(), t, build, small()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := askGradient(ctx, t, build, small())
		if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) ||
			took != time.Second {
			t.Errorf("who is to end after a second ends after %v with %v", took, err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// While kernels of one model are compiled the runs of others make steps. When these have
// left, the device compiles itself.
func TestRunsStepWhileKernelsAreCompiled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ready := newBeside(), small()
		build := cuda.OnPatient(device.Share(d), time.Hour)
		cards := deck{draw(ready, 1, 11, 1)[0], 5}
		_, s := descend(t, build, ready, 1, nn.Descent{Feed: cards, Last: 99})
		next := 1
		more := func() error {
			made, err := s.Steps(context.Background(), next, 3)
			next += len(made)
			return err
		}
		if err := more(); err != nil {
			t.Fatal(err)
		}
		compiled := 0
		d.onCompile = func(context.Context) error {
			compiled++
			done := make(chan error, 1)
			go func() { done <- more() }()
			select {
			case err := <-done:
				return err
			case <-time.After(waits):
				return errAlone
			}
		}
		begun := next
		c := shaped(7)
		_, other := descend(t, build, c, 1,
			nn.Descent{Feed: deck{draw(c, 1, 11, 1)[0], 5}, Last: 1})
		steps(t, other, 1, 1)
		finish(t, other)
		if err := askGradient(t.Context(), t, build, shaped(8)); err != nil {
			t.Error(err)
		}
		if d.count != [2]int{1, 2} || compiled != 2 || next < begun+compiled {
			t.Errorf("%d compilations, %d steps meanwhile, texts were loaded %v times", compiled,
				next-begun, d.count)
		}
		finish(t, s)
		if err := askGradient(t.Context(), t, build, shaped(9)); err != nil {
			t.Error(err)
		}
		if d.count != [2]int{2, 2} {
			t.Errorf("after the run has left texts were loaded %v times", d.count)
		}
	})
}

// Runs that are there and make no steps are not held up by a device that compiles.
func TestWhoMakesNoStepsHoldsNobodyUp(t *testing.T) {
	d, c := newBeside(), small()
	d.Device = &full{emulator.New(), 0}
	build := cuda.On(device.Share(d))
	_, s := descend(t, build, c, 1, nn.Descent{Feed: deck{draw(c, 1, 11, 1)[0], 5}, Last: 9})
	if _, err := s.Steps(t.Context(), 1, 9); !errors.Is(err, errFull) {
		t.Errorf("there is room for a run: %v", err)
	}
	if err := askGradient(t.Context(), t, build, shaped(7)); err != nil {
		t.Error(err)
	}
	if d.count != [2]int{2, 0} {
		t.Errorf("texts were loaded %v times", d.count)
	}
	finish(t, s)
}

// What cannot be compiled beside is compiled by the device, to the same bits.
func TestDeviceCompilesWhatOthersDoNot(t *testing.T) {
	c := shaped(7)
	want := gradient(t, cuda.On(emulator.New()), newModel(t, c, 1), draw(c, 1, 3, 1)[0])
	d, ready := newBeside(), small()
	d.onCompile = func(context.Context) error { return errors.New("it crashes") }
	build := cuda.On(device.Share(d))
	cards := deck{draw(ready, 1, 11, 1)[0], 5}
	_, s := descend(t, build, ready, 1, nn.Descent{Feed: cards, Last: 9})
	steps(t, s, 1, 9)
	if got := gradient(t, build, newModel(t, c, 1), draw(c, 1, 3, 1)[0]); !slices.Equal(got, want) {
		t.Error("it comes to other bits")
	}
	if finish(t, s); d.count != [2]int{2, 0} {
		t.Errorf("texts were loaded %v times", d.count)
	}
}

// Who leaves runs whose kernels are still compiled holds nobody up that joins others.
func TestLeavingWaitsForNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ready, late := newBeside(), small(), shaped(7)
		build := cuda.OnPatient(device.Share(d), 0)
		feed := func(c nn.Config) nn.Descent {
			return nn.Descent{Feed: deck{draw(c, 1, 11, 1)[0], 5}, Last: 9}
		}
		_, first := descend(t, build, ready, 1, feed(ready))
		steps(t, first, 1, 1)
		compiles, free := make(chan struct{}), make(chan struct{})
		d.onCompile = func(context.Context) error {
			close(compiles)
			<-free
			return nil
		}
		_, slow := descend(t, build, late, 1, feed(late))
		_, leaves := descend(t, build, late, 2, feed(late))
		var g sync.WaitGroup
		g.Go(func() { _, _ = slow.Steps(context.Background(), 1, 1) })
		<-compiles
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := leaves.Steps(ctx, 1, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("who gives up is told %v", err)
		}
		g.Go(func() { _ = leaves.Close(context.Background()) })
		synctest.Wait() // for the compiler
		joined := make(chan struct{})
		go func() {
			defer close(joined)
			_, s := descend(t, build, ready, 3, feed(ready))
			steps(t, s, 1, 1)
			finish(t, s)
		}()
		select {
		case <-joined:
		case <-time.After(waits):
			t.Error("who joins others waits")
		}
		close(free)
		g.Wait()
		<-joined
		finish(t, slow)
		finish(t, first)
	})
}
