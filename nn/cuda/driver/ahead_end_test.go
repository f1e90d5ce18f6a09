//go:build linux && amd64

package driver

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"icar/nn/cuda/device"
)

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

// An aide that works again does not rest any more.
func TestRestIsOver(t *testing.T) {
	a := newAides(1, nil)
	a.rest = time.Hour
	a.put(&aide{}, true)
	one, err := a.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if one.timer.Stop() {
		t.Error("it would be ended at work, or early in its next rest")
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
