package web

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"icar/ar"
	"icar/run"
	"icar/train"
)

// A look at 300 finished runs of 1,000 steps that have not changed reads none
// of their files and allocates a small part of what they hold.
func TestIdleRunsCostLittle(t *testing.T) {
	folder := t.TempDir()
	lines := []byte(strings.Repeat(`{"step":1,"loss":0.125,"learning_rate":0.01}`+"\n", 1000))
	for i := range 300 {
		path := filepath.Join(folder, "run"+string(rune('a'+i%26))+strings.Repeat("x", i/26))
		d, err := run.Create(path, []byte("batch: 32\ntrain: 32000\n"), run.NewInfo(1, "go"))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(d.Done(1000), d.Close(),
			os.WriteFile(filepath.Join(path, "metrics.jsonl"), lines, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	s := shelf{root: root(folder)}
	// the first look, which may take longer than one waits
	if _, err := s.list(t.Context()); err != nil {
		t.Log(err)
	}
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		runs, err := s.list(t.Context())
		if err == nil && len(runs) == 300 && runs[299].Step == 1000 {
			break
		}
		if time.Since(start) > 20*time.Second {
			t.Fatalf("%d runs, %v", len(runs), err)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	runs, err := s.read()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if err != nil || len(runs) != 300 || runs[0].Step != 1000 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	grown := after.TotalAlloc - before.TotalAlloc
	t.Logf("a look took %v and %d KiB", took, grown>>10)
	if held := uint64(300 * len(lines)); grown > held {
		t.Errorf("a look at unchanged runs allocates %d bytes, their metrics are %d", grown, held)
	}
}

// The list says that a run has diverged and why, as soon as it does.
func TestDivergedRun(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a")
	d, err := run.Create(path, []byte("d: 2\n"), run.NewInfo(1, "go"))
	if err != nil {
		t.Fatal(err)
	}
	s := shelf{root: root(folder)}
	if runs, err := s.read(); err != nil || len(runs) != 1 ||
		states(runs, time.Now())[0].State != run.Running || states(runs, time.Now())[0].Error != "" {
		t.Fatalf("%+v, %v", states(runs, time.Now()), err)
	}
	const why = "training diverged at step 3"
	if err := errors.Join(d.Diverged(why), d.Close()); err != nil {
		t.Fatal(err)
	}
	runs, err := s.read()
	if err != nil || len(runs) != 1 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	if now := states(runs, time.Now())[0]; now.State != run.Diverged || now.Error != why ||
		now.Steps == 0 {
		t.Errorf("%+v", now)
	}
}

// Who asks while a look hangs is not kept waiting and holds no lock.
func TestALookThatHangs(t *testing.T) {
	folder, law := t.TempDir(), hanging{until: make(chan struct{}), begun: new(atomic.Bool)}
	catalogue := train.Standard()
	if err := catalogue.AddLaw("hangs", func() ar.Law { return law }); err != nil {
		t.Fatal(err)
	}
	d, err := run.Create(filepath.Join(folder, "run"),
		[]byte("law: hangs\nbatch: 32\ntrain: 32000\n"), run.NewInfo(1, "go"))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	law.begun.Store(true)
	s := shelf{root: root(folder), catalogue: catalogue}
	defer close(law.until)
	list := func(ctx context.Context) (runs []shelfRun, err error) {
		t.Helper()
		listed := make(chan struct{})
		go func() {
			defer close(listed)
			runs, err = s.list(ctx)
		}()
		select {
		case <-listed:
		case <-time.After(10 * maxLook):
			t.Fatal("a client waits for a look that hangs")
		}
		return runs, err
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := list(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that left: %v", err)
	}
	var r refusal
	if _, err := list(t.Context()); !errors.As(err, &r) || r.status != 429 {
		t.Errorf("before any look has ended: %v", err)
	}
	s.mu.Lock()
	s.at, s.runs = time.Now().Add(-time.Minute), []shelfRun{{path: "old"}}
	s.mu.Unlock()
	if runs, err := list(t.Context()); err != nil || len(runs) != 1 {
		t.Errorf("after a look had ended: %v, %v", runs, err)
	}
}

// hanging is a law that, once begun, is not checked before until is closed.
type hanging struct {
	ar.Process
	until chan struct{}
	begun *atomic.Bool
}

func (l hanging) Check() error {
	if l.begun.Load() {
		<-l.until
	}
	return nil
}
