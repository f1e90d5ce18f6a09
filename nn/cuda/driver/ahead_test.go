//go:build linux && amd64

package driver

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"icar/nn/cuda/device"
)

// Three aides compile twelve texts three at a time, so each compiles four of them, and the
// card's process finds all of them in the cache.
func TestAidesCompileSideBySide(t *testing.T) {
	const most, rounds = 3, 4
	t.Setenv("ICAR_FAKE_CUDA_TOGETHER", fmt.Sprint(most))
	c := openBeside(t, "", most)
	all := texts(most * rounds)
	if err := errors.Join(compileAll(t.Context(), c, all)...); err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		m, err := c.Load(t.Context(), one, "fill")
		if err := errors.Join(err, c.Unload(t.Context(), m)); err != nil {
			t.Fatal(err)
		}
	}
	share := map[int]int{}
	for _, n := range log(t) {
		if n.what == "begin" {
			share[n.process]++
		}
	}
	for process, n := range share {
		if n != rounds {
			t.Errorf("process %d compiles %d texts", process, n)
		}
	}
	own, _ := count(t, "begin")
	hits, _ := count(t, "hit")
	if len(share) != most || own != 0 || hits != len(all) {
		t.Errorf("%d processes compile, the card's %d times with %d hits", len(share), own, hits)
	}
}

// Whatever an aide lacks, the card's process compiles, as without one, and there is no other
// aide after that.
func TestFaultsOfAidesCostNothing(t *testing.T) {
	for _, fault := range []string{"beside-start", "beside-fail", "beside-hang", "beside-crash"} {
		c := openBeside(t, fault, 2)
		if err := c.Compile(t.Context(), text); err == nil ||
			errors.Is(err, errNoAides) {
			t.Errorf("%s: %v", fault, err)
		}
		if err := c.Compile(t.Context(), text); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: then %v", fault, err)
		}
		fill, _ := kernels(t, c)
		p := memory(t, c, 1)
		if err := c.Launch(t.Context(), []device.Launch{on(fill, p, 7, 1)}); err != nil ||
			numbers(t, c, p, 1)[0] != 7 {
			t.Errorf("%s: the card: %v", fault, err)
		}
		_, started := count(t, "start")
		if own, others := count(t, "end"); own != 1 || others != 0 || started != 1 {
			t.Errorf("%s: %d texts compiled by the card's process, %d by %d others", fault, own,
				others, started)
		}
		until(t, "the aide is gone after "+fault, func() bool { return alive(t) == 0 })
	}
}

// What a text lacks is said by the card's process.
func TestFaultsOfTextsAreTold(t *testing.T) {
	c := openBeside(t, "", 1)
	_ = c.Compile(t.Context(), text+"nonsense")
	if _, err := c.Load(t.Context(), text+"nonsense", "fill"); err == nil ||
		!strings.Contains(err.Error(), "Unknown symbol 'nonsense'") {
		t.Error(err)
	}
}

// A card with little memory has no aide, and aides leave it to what needs it.
func TestAidesLeaveTheMemory(t *testing.T) {
	t.Setenv("ICAR_FAKE_CUDA_MEMORY", "10")
	t.Setenv("ICAR_FAKE_CUDA_CONTEXT", "4")
	c := openBeside(t, "", 3)
	if err := c.Compile(t.Context(), text); !errors.Is(err, errNoAides) {
		t.Errorf("with 2 of 10 MiB left: %v", err)
	}
	if _, others := count(t, "begin"); others != 0 || alive(t) != 0 {
		t.Errorf("%d texts are compiled by %d aides", others, alive(t))
	}
	const full = "20 MiB were asked for, and 6 of 10 are free"
	if _, err := c.Alloc(t.Context(), 20<<20); err == nil || !strings.Contains(err.Error(), full) {
		t.Errorf("more than there is, without an aide: %v, want %s", err, full)
	}
	t.Setenv("ICAR_FAKE_CUDA_CONTEXT", "3")
	c = openBeside(t, "", 3)
	if err := c.Compile(t.Context(), text); err != nil || alive(t) != 1 {
		t.Errorf("with 4 of 10 MiB left: %v, %d aides", err, alive(t))
	}
	if _, err := c.Alloc(t.Context(), 6<<20); err != nil || alive(t) != 0 {
		t.Errorf("memory that an aide has is asked for: %v, %d aides", err, alive(t))
	}
	if _, err := c.Alloc(t.Context(), 2<<20); err == nil ||
		!strings.Contains(err.Error(), "2 MiB were asked for, and 1 of 10 are free") {
		t.Errorf("more than there is: %v", err)
	}
}

// A launch that lacks the memory that an aide has goes on where it was, once the aide has ended.
func TestLaunchesGoOnInTheAidesMemory(t *testing.T) {
	t.Setenv("ICAR_FAKE_CUDA_MEMORY", "10")
	t.Setenv("ICAR_FAKE_CUDA_CONTEXT", "3")
	t.Setenv("ICAR_FAKE_CUDA_LAUNCH", "5") // 4 are left beside an aide
	c := openBeside(t, "", 1)
	if err := c.Compile(t.Context(), text); err != nil || alive(t) != 1 {
		t.Fatalf("%v, %d aides", err, alive(t))
	}
	_, add := kernels(t, c)
	p := memory(t, c, 1)
	if err := c.Write(t.Context(), p, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	work := []device.Launch{on(add, p, 1, 1), on(add, p, 10, 1), on(add, p, 100, 1),
		on(add, p, 1000, 1)}
	if err := c.Launch(t.Context(), work); err != nil || alive(t) != 0 {
		t.Errorf("%v, %d aides", err, alive(t))
	}
	if x := numbers(t, c, p, 1); x[0] != 1111 {
		t.Errorf("four launches come to %d", x[0])
	}
}

// An aide keeps nothing of what it has compiled: the fake has room for eight modules.
func TestAidesKeepNothing(t *testing.T) {
	c := openBeside(t, "", 1)
	for i, one := range texts(20) {
		if err := c.Compile(t.Context(), one); err != nil {
			t.Fatalf("text %d: %v", i, err)
		}
	}
	if _, started := count(t, "start"); started != 1 {
		t.Errorf("%d aides", started)
	}
}

// As many aides are used as there are processors beside one, and none where they could not
// hand over what they compile.
func TestHowManyAides(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, test := range []struct {
		processors    int
		variable, set string
		want          int
	}{
		{1, "CUDA_CACHE_DISABLE", "", 0}, {4, "CUDA_CACHE_DISABLE", "0", 3},
		{64, "CUDA_CACHE_DISABLE", "", 8}, {4, "CUDA_CACHE_DISABLE", "1", 0},
		{4, "CUDA_CACHE_MAXSIZE", "0", 0}, {2, "CUDA_CACHE_MAXSIZE", "1000", 1},
	} {
		t.Run(fmt.Sprintf("%d,%s=%s", test.processors, test.variable, test.set),
			func(t *testing.T) {
				runtime.GOMAXPROCS(test.processors)
				t.Setenv(test.variable, test.set)
				a := aidesFor(Options{})
				if got := cap(a.room); got != test.want || a.begin() != (test.want > 0) {
					t.Errorf("%d aides, want %d", got, test.want)
				}
			})
	}
}

// An aide is not waited for as long as a card, since that can still do the work, and is ended
// soon.
func TestAidesAreWaitedForLess(t *testing.T) {
	for _, test := range []struct{ patience, want time.Duration }{
		{0, 30 * time.Second}, {time.Hour, 30 * time.Second}, {time.Second, time.Second},
	} {
		if got := ofAides(Options{Patience: test.patience}); got.Patience != test.want ||
			got.Grace != time.Second {
			t.Errorf("of %v: %+v, want %v", test.patience, got, test.want)
		}
	}
}

// Aides whose work has to be done again when it is loaded are given up.
func TestAidesWithoutACache(t *testing.T) {
	for _, test := range []struct {
		ahead, load time.Duration
		known, over bool
	}{
		{2 * time.Second, 2 * time.Second, true, true},
		{2 * time.Second, 20 * time.Millisecond, true, false},
		{2 * time.Second, 900 * time.Millisecond, true, false}, // a busy machine
		{100 * time.Millisecond, 100 * time.Millisecond, true, false},
		{2 * time.Second, 2 * time.Second, false, false}, // nobody has compiled that
	} {
		a := newAides(1, nil)
		a.done("a", test.ahead)
		loads := map[bool]string{true: "a", false: "b"}
		a.loaded(loads[test.known], test.load)
		if a.over != test.over {
			t.Errorf("%+v: over %v", test, a.over)
		}
		a.loaded("a", time.Hour)
		if test.known && !test.over && a.over {
			t.Errorf("%+v: what was loaded before counts again", test)
		}
	}
	c := openBeside(t, "", 1)
	if err := c.Compile(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	c.aides.ahead[text] = -time.Hour // shorter than any load
	kernels(t, c)
	if _, known := c.aides.ahead[text]; known {
		t.Error("a load is not noticed")
	}
}

// BenchmarkModels is what it takes to compile the kernels of 15 models of 95 ms each, a
// twentieth of what a card takes: by the card's process, and by aides.
func BenchmarkModels(b *testing.B) {
	for _, most := range []int{0, 2, 4, 8} {
		b.Run(fmt.Sprintf("aides=%d", most), func(b *testing.B) {
			b.Setenv("ICAR_FAKE_CUDA_COMPILE", "95")
			c := openBeside(b, "", most)
			all := texts(15)
			for i := 0; b.Loop(); i++ {
				for k := range all {
					all[k] += fmt.Sprint(i) // none is in the cache
				}
				_ = compileAll(b.Context(), c, all) // of no aide unsupported
				for _, one := range all {
					if _, err := c.Load(b.Context(), one, "fill"); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
