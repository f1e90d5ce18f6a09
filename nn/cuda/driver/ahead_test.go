//go:build linux && amd64

package driver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"icar/nn/cuda/device"
)

// noted is a line of the fake's log.
type noted struct {
	what    string
	process int
	text    string // its hash
}

// log returns the lines of the fake's log; the first is the start of the card's process.
func log(t testing.TB) (lines []noted) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(os.Getenv("CUDA_CACHE_PATH"), "log"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		var n noted
		if _, err := fmt.Sscan(s.Text(), &n.what, &n.process, &n.text); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, n)
	}
	return lines
}

// count returns how often something was noted of the card's process, and of the others.
func count(t testing.TB, what string) (own, others int) {
	t.Helper()
	lines := log(t)
	for _, n := range lines {
		switch {
		case n.what != what:
		case n.process == lines[0].process:
			own++
		default:
			others++
		}
	}
	return own, others
}

// until waits for something that is bound to come.
func until(t testing.TB, what string, come func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !come(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it is not so: %s", what)
		}
	}
}

// alive is how many of the processes beside the card's live.
func alive(t testing.TB) (n int) {
	t.Helper()
	lines := log(t)
	for _, l := range lines {
		if l.what != "start" || l.process == lines[0].process {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", l.process))
		_, state, _ := strings.Cut(string(stat), ") ")
		if err == nil && !strings.HasPrefix(state, "Z") { // whose parent has not looked yet
			n++
		}
	}
	return n
}

// openBeside opens the fake's card with up to so many aides, and an empty cache.
func openBeside(t testing.TB, fault string, most int) *Card {
	t.Helper()
	t.Setenv("CUDA_CACHE_PATH", t.TempDir())
	fake(t, fault)
	c, err := Open(t.Context(), Options{Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.aides = newAides(most, func(ctx context.Context) (*Card, error) {
		patience := time.Minute
		if fault == "beside-hang" {
			patience = 300 * time.Millisecond
		}
		return start(ctx, Options{Patience: patience, Grace: 100 * time.Millisecond})
	})
	return c
}

// texts returns n that differ.
func texts(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s // %d", text, i)
	}
	return all
}

// compileAll compiles texts, all at once, and returns the errors.
func compileAll(ctx context.Context, c *Card, texts []string) []error {
	errs := make([]error, len(texts))
	var g sync.WaitGroup
	for i, one := range texts {
		g.Go(func() { errs[i] = c.Compile(ctx, one) })
	}
	g.Wait()
	return errs
}

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

// An aide serves again until it has rested for long; then it ends, and another is started
// when there is something to compile.
func TestAidesRest(t *testing.T) {
	c := openBeside(t, "", 2)
	all := texts(3)
	c.aides.rest = time.Hour
	err := errors.Join(c.Compile(t.Context(), all[0]), c.Compile(t.Context(), all[1]))
	if _, started := count(t, "start"); err != nil || started != 1 || alive(t) != 1 {
		t.Errorf("two texts, one after the other: %d aides, %v", started, err)
	}
	c.aides.dismiss(c.aides.idle[0]) // as its timer does
	until(t, "the aide is gone", func() bool { return alive(t) == 0 })
	c.aides.rest = time.Millisecond
	err = c.Compile(t.Context(), all[2])
	if _, started := count(t, "start"); err != nil || started != 2 {
		t.Errorf("after a rest: %d aides, %v", started, err)
	}
	until(t, "the next is gone after its rest", func() bool { return alive(t) == 0 })
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// A card that is closed ends those that rest and those that compile; nothing is left, and
// nothing begins any more.
func TestAidesEndWithTheCard(t *testing.T) {
	c := openBeside(t, "", 2)
	if err := c.Compile(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ICAR_FAKE_CUDA_COMPILE", "3600000") // of the aide that is not there yet
	rests := c.aides.idle
	c.aides.idle = nil
	done := make(chan error, 1)
	go func() { done <- c.Compile(t.Context(), text+"//") }()
	until(t, "it compiles", func() bool { _, begun := count(t, "begin"); return begun == 2 })
	c.aides.mu.Lock()
	c.aides.idle = rests
	c.aides.mu.Unlock()
	if err := c.Close(); err != nil || alive(t) != 0 {
		t.Fatalf("closed: %v, %d aides are left", err, alive(t))
	}
	if err := <-done; !errors.Is(err, errNoAides) {
		t.Errorf("what is compiled: %v", err)
	}
	if err := c.Compile(t.Context(), text); !errors.Is(err, errNoAides) {
		t.Errorf("after that: %v", err)
	}
	if _, err := c.Load(t.Context(), text, "fill"); !errors.Is(err, device.ErrLost) {
		t.Errorf("a closed card loads: %v", err)
	}
}

// A context that is done ends what is compiled, with its cause, and not the compiling.
func TestCompilingIsCancelled(t *testing.T) {
	t.Setenv("ICAR_FAKE_CUDA_COMPILE", "3600000")
	c := openBeside(t, "", 1)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	compiles, waits := make(chan error, 1), make(chan error, 1)
	go func() { compiles <- c.Compile(ctx, text) }()
	until(t, "it compiles", func() bool { _, begun := count(t, "begin"); return begun == 1 })
	short, cancelShort := context.WithCancelCause(t.Context())
	go func() { waits <- c.Compile(short, text+"//") }()
	cancelShort(cause)
	select {
	case err := <-waits:
		if !errors.Is(err, cause) {
			t.Errorf("one that waits for the other is cancelled: %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("one that waits for the other cannot be cancelled")
	}
	cancel(cause)
	if err := <-compiles; !errors.Is(err, cause) {
		t.Errorf("cancelled: %v", err)
	}
	t.Setenv("ICAR_FAKE_CUDA_COMPILE", "0")
	if err := c.Compile(t.Context(), text); err != nil {
		t.Errorf("after that: %v", err)
	}
	if err := c.Compile(ctx, text); !errors.Is(err, cause) {
		t.Errorf("with a context that was done: %v", err)
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

// holds names the variable with which TestAidesEndWithTheProgram runs itself.
const holds = "ICAR_TEST_HOLDS_AIDES"

// A program that is killed leaves no aide, whether it rests or compiles.
func TestAidesEndWithTheProgram(t *testing.T) {
	if os.Getenv(holds) != "" {
		c, err := Open(t.Context(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		c.aides = newAides(2, c.aides.open)
		if err := c.Compile(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		one, _ := c.aides.take(t.Context())         // rests for good
		t.Setenv("ICAR_FAKE_CUDA_COMPILE", "60000") // where it is not ended it ends then
		t.Fatal(c.Compile(t.Context(), text+"//"), one)
	}
	t.Setenv("CUDA_CACHE_PATH", t.TempDir())
	fake(t, "")
	program := exec.Command(os.Args[0], "-test.run=^TestAidesEndWithTheProgram$")
	program.Env = append(os.Environ(), holds+"=1")
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "it compiles", func() bool {
		lines := log(t)
		return len(lines) > 0 && lines[len(lines)-1].what == "begin" && alive(t) == 2
	})
	if err := program.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = program.Wait() // which was killed
	until(t, "no aide is left", func() bool { return alive(t) == 0 })
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
