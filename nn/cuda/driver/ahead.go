package driver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"icar/nn/cuda/device"
)

// The driver keeps what it has compiled in a cache on disk, where the next process finds it
// that loads the same text (NVIDIA, CUDA C++ Programming Guide, section "Just-in-Time
// Compilation", and its list of environment variables). So other processes compile ahead for
// the one that has the card's work.
//
// They are never needed: without them, and after any fault of theirs, the card's own process
// compiles.

const (
	// mostAides is how many processes compile at once at the most; a card of 80 GB has
	// them take a twentieth of its memory.
	mostAides = 8
	// aideRest is how long one stays that has nothing to compile.
	aideRest = 5 * time.Second
	// aidePatience is how long one may take to compile a text, where a card's own process
	// may take longer: what it does not do can still be done there.
	aidePatience = 30 * time.Second
	// aideGrace is how long one is waited for that is not needed any more.
	aideGrace = time.Second
	// spare is the part of the card's memory that has to be left beside an aide.
	spare = 1. / 4
	// wasted is how long a text may take to be loaded that was compiled ahead.
	wasted = 250 * time.Millisecond
)

// errNoAides is why nothing is compiled ahead.
var errNoAides = fmt.Errorf("nothing is compiled ahead: %w", errors.ErrUnsupported)

// aides are processes that compile. They are used from many goroutines.
type aides struct {
	open func(context.Context) (*Card, error)
	rest time.Duration
	room chan struct{}      // as many as there may be at once
	life context.Context    // done when all have to end
	end  context.CancelFunc // of life

	mu    sync.Mutex
	over  bool // no more of them
	idle  []*aide
	count int                      // of processes, and of those about to be
	alive sync.WaitGroup           // of who compiles or ends a process
	ahead map[string]time.Duration // that the texts have taken which were not loaded yet
}

// aide is one process: a card of its own, of which nothing is used but its compiler.
type aide struct {
	card  *Card
	timer *time.Timer // of its rest
}

// newAides returns up to so many aides that are opened when they are wanted.
func newAides(most int, open func(context.Context) (*Card, error)) *aides {
	a := &aides{open: open, rest: aideRest, room: make(chan struct{}, max(0, most)),
		ahead: map[string]time.Duration{}}
	a.life, a.end = context.WithCancel(context.Background())
	a.over = most < 1
	return a
}

// aidesFor are those of a machine and its environment: one processor is left to the steps,
// and without the driver's cache what they compile is found by nobody.
func aidesFor(o Options) *aides {
	most := min(mostAides, runtime.GOMAXPROCS(0)-1)
	if os.Getenv("CUDA_CACHE_DISABLE") == "1" || os.Getenv("CUDA_CACHE_MAXSIZE") == "0" {
		most = 0
	}
	o = ofAides(o)
	return newAides(most, func(ctx context.Context) (*Card, error) { return start(ctx, o) })
}

// ofAides is how the processes of aides are treated, where a card's is treated so.
func ofAides(o Options) Options {
	if o.Patience == 0 || o.Patience > aidePatience {
		o.Patience = aidePatience
	}
	o.Grace = aideGrace
	return o
}

// Compile implements device.Compiler: a process of its own compiles the text, and the
// driver's cache has it from then on. After a fault of any kind that is not the context's
// there is no more of that.
func (c *Card) Compile(ctx context.Context, text string) error {
	if c.aides == nil {
		return errNoAides
	}
	return c.aides.compile(ctx, text)
}

var _ device.Compiler = (*Card)(nil)

// compile has an aide compile a text, as soon as one has the time.
func (a *aides) compile(ctx context.Context, text string) error {
	if !a.begin() {
		return errNoAides
	}
	defer a.alive.Done()
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(a.life, func() { cancel(errNoAides) })()
	select {
	case a.room <- struct{}{}:
	case <-within.Done():
		return context.Cause(within)
	}
	defer func() { <-a.room }()
	one, err := a.take(within)
	if err == nil {
		start := time.Now()
		if err = one.compile(within, text); err == nil {
			a.done(text, time.Since(start))
		}
		a.put(one, err == nil)
	}
	if err != nil && within.Err() == nil {
		a.stop()
	}
	return err
}

// begin is whether there are aides; alive.Done has to follow then.
func (a *aides) begin() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.over {
		a.alive.Add(1)
	}
	return !a.over
}

// take returns an aide that has nothing to do, or a new one.
func (a *aides) take(ctx context.Context) (*aide, error) {
	a.mu.Lock()
	last := len(a.idle) - 1
	if a.over {
		a.mu.Unlock()
		return nil, errNoAides
	}
	if last >= 0 {
		defer a.mu.Unlock()
		one := a.idle[last]
		a.idle = a.idle[:last]
		one.timer.Stop()
		return one, nil
	}
	a.count++
	a.mu.Unlock()
	card, err := a.open(ctx)
	if err == nil {
		if err = card.roomy(ctx); err == nil {
			return &aide{card: card}, nil
		}
		err = errors.Join(err, card.Close())
	}
	a.gone()
	return nil, err
}

// gone notes that a process is no more.
func (a *aides) gone() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count--
}

// roomy returns an error if the card has little memory left.
func (c *Card) roomy(ctx context.Context) error {
	free, _, err := c.free(ctx)
	if err == nil && float64(free) < spare*float64(c.properties.Memory) {
		err = fmt.Errorf("%d MiB are free: %w", free>>20, errNoAides)
	}
	return err
}

// compile compiles a text, of which nothing is kept but what is in the driver's cache.
func (o *aide) compile(ctx context.Context, text string) error {
	m, err := o.card.Load(ctx, text)
	if err != nil {
		return err
	}
	return o.card.Unload(ctx, m)
}

// put has an aide rest, or ends it.
func (a *aides) put(one *aide, well bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !well || a.over {
		a.close(one)
		return
	}
	one.timer = time.AfterFunc(a.rest, func() { a.dismiss(one) })
	a.idle = append(a.idle, one)
}

// dismiss ends an aide that rests still.
func (a *aides) dismiss(one *aide) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := slices.Index(a.idle, one); i >= 0 {
		a.idle = slices.Delete(a.idle, i, i+1)
		a.close(one)
	}
}

// close ends an aide. Its caller holds mu and does not wait.
func (a *aides) close(one *aide) {
	a.alive.Go(func() {
		_ = one.card.Close() // how it ended is of no use to anybody
		a.gone()
	})
}

// stop has there be no more aides. Those at work end what they do.
func (a *aides) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	for _, one := range a.idle {
		one.timer.Stop()
		a.close(one)
	}
	a.idle = nil
}

// done notes how long a text has taken.
func (a *aides) done(text string, took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ahead[text] = took
}

// loaded is told how long it has taken to load a text. If that was compiled ahead and has
// been compiled again, since the cache cannot be written or is full, there is no use for
// aides.
func (a *aides) loaded(text string, took time.Duration) {
	a.mu.Lock()
	ahead, known := a.ahead[text]
	delete(a.ahead, text)
	a.mu.Unlock()
	if known && took > wasted && took > ahead/2 {
		a.stop()
	}
}

// endAll ends all aides, and returns when they have, with whether there were any.
func (a *aides) endAll() bool {
	a.mu.Lock()
	count := a.count
	a.mu.Unlock()
	a.stop()
	a.end()
	a.alive.Wait()
	return count > 0
}
