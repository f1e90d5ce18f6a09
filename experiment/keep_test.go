package experiment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"icar/nn/kernel"
	"icar/run"
)

// notices collects what a Reproduce says.
type notices struct {
	sync.Mutex
	said []string
}

func (n *notices) add(message string) {
	n.Lock()
	defer n.Unlock()
	n.said = append(n.said, message)
}

// outcome returns an experiment's outcome as JSON and the trials that were kept.
func outcome(t *testing.T, e Experiment, o Options) ([]byte, int) {
	t.Helper()
	found, cost, err := Reproduce(context.Background(), e, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	return data, cost.Kept
}

// A failing trial costs itself only: the others are found again, whole ones as
// they are, damaged ones run again and named.
func TestReproduceGoesOn(t *testing.T) {
	var runs, broken atomic.Int32
	broken.Store(1)
	e := toy(func(ctx context.Context, c toyConfig) (toyResult, error) {
		runs.Add(1)
		if c.N == 6 && broken.Load() == 1 {
			return toyResult{}, errors.New("killed")
		}
		return square(ctx, c)
	})
	want, _ := outcome(t, toy(square), Options{})
	var n notices
	o := Options{Workers: 1, Keep: filepath.Join(t.TempDir(), "trials"), Notice: n.add}
	if _, _, err := Reproduce(context.Background(), e, o, nil); err == nil {
		t.Fatal("the sixth trial did not fail")
	}
	runs.Store(0)
	broken.Store(0)
	got, found := outcome(t, e, o)
	if found != 5 || runs.Load() != 3 || !bytes.Equal(got, want) || len(n.said) != 0 {
		t.Errorf("%d results were kept and %d trials run, said %q; want 5 and 3, and the outcome of one go", found, runs.Load(), n.said)
	}

	plan, err := Plan(e, o)
	if err != nil {
		t.Fatal(err)
	}
	keep, err := newKeeper(o.Keep, Means{})
	if err != nil {
		t.Fatal(err)
	}
	file := func(i int) string { return keep.path(plan[i]) + ".json" }
	whole, err := os.ReadFile(file(0))
	if err != nil {
		t.Fatal(err)
	}
	for what, damaged := range map[string][]byte{
		"is damaged":       whole[:len(whole)/2],
		"its checksum":     bytes.Replace(whole, []byte(`"square":1`), []byte(`"square":2`), 1),
		"of another trial": bytes.Clone(must(os.ReadFile(file(1)))),
	} {
		if err := os.WriteFile(file(0), damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		n.said = nil
		got, found := outcome(t, e, o)
		if found != 7 || !bytes.Equal(got, want) || len(n.said) != 1 || !strings.Contains(n.said[0], what) {
			t.Errorf("%s: %d results were kept, said %q", what, found, n.said)
		}
	}
	if err := Forget(o.Keep, plan); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(o.Keep); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left", o.Keep)
	}
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}

// stopAfter returns a context that is done after so many looks at it.
type stopAfter struct {
	context.Context
	left atomic.Int32
}

func (s *stopAfter) Err() error {
	if s.left.Add(-1) < 0 {
		return context.Canceled
	}
	return s.Context.Err()
}

// A network whose training is stopped goes on from its checkpoint to the bits
// of one go; a damaged checkpoint, or none, costs the steps since the one
// before, and is named.
func TestNetworkGoesOn(t *testing.T) {
	e := fig5()
	set := []Setting{{"train", "64"}, {"batch", "32"}, {"test", "16"}, {"length", "5"}, {"d", "2"}, {"epochs", "12"}, {"warmup", "0"}}
	plan, err := Plan(e, Options{Scale: Quick, Set: set})
	if err != nil {
		t.Fatal(err)
	}
	trial := plan[0]
	want, err := e.Run(context.Background(), trial, Means{})
	if err != nil {
		t.Fatal(err)
	}
	for fault, hurt := range map[string]func(dir string) error{
		"": func(string) error { return nil },
		"trained from the st": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "config.yaml"), []byte("d: 3\n"), 0o644)
		},
		"holds no run": func(dir string) error { return os.Remove(filepath.Join(dir, "config.yaml")) },
		"cannot be gone on with: it is another program's": func(dir string) error {
			path := filepath.Join(dir, "run.json")
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			program := regexp.MustCompile(`"program": "[0-9a-f]+"`)
			return os.WriteFile(path, program.ReplaceAll(data, []byte(`"program": "0123456789abcdef"`)), 0o644)
		},
		"going on from": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "checkpoint.safetensors"), []byte("{}"), 0o644)
		},
	} {
		var n notices
		m := Means{Directory: filepath.Join(t.TempDir(), "trial"), Notice: n.add}
		ctx := &stopAfter{Context: context.Background()}
		ctx.left.Store(60)
		if _, err := e.Run(ctx, trial, m); !errors.Is(err, context.Canceled) {
			t.Fatalf("%q: %v, want a stop", fault, err)
		}
		dir, saved, err := run.Open(m.Directory, kernel.Available()[0].Arithmetic(), false)
		if err != nil || saved.Checkpoint.Step == 0 || saved.Done {
			t.Fatalf("%q: stopped at step %d (%v)", fault, saved.Checkpoint.Step, err)
		}
		if err := errors.Join(dir.Close(), hurt(m.Directory)); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second finds the run complete
			got, err := e.Run(context.Background(), trial, m)
			if err != nil || !bytes.Equal(got.Found, want.Found) {
				t.Errorf("%q: %v, or not the result of one go", fault, err)
			}
		}
		if said := strings.Join(n.said, "\n"); !strings.Contains(said, fault) || (fault == "") != (said == "") {
			t.Errorf("%q: said %q", fault, said)
		}
	}
}

// The kernel of the options runs the networks and names their arithmetic.
func TestKernelOfTheOptions(t *testing.T) {
	plain, err := kernel.Choose("go")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := Plan(fig5(), Options{Scale: Quick, Kernel: plain})
	if err != nil {
		t.Fatal(err)
	}
	var c networkConfig
	if err := decode(plan[0].Config, &c); err != nil || c.Arithmetic != "go" {
		t.Errorf("arithmetic %q (%v), want go", c.Arithmetic, err)
	}
	if k, err := (Means{Kernel: plain}).kernel("go"); err != nil || k.Name() != "go" {
		t.Errorf("kernel %v, %v, want go", k, err)
	}
	if _, err := (Means{}).kernel("abacus"); err == nil || !strings.Contains(err.Error(), `no kernel here has the arithmetic "abacus": use`) {
		t.Errorf("got %v", err)
	}
	if _, err := Plan(fig6(), Options{Scale: Quick, Kernel: plain}); err != nil {
		t.Errorf("an experiment without networks: %v", err)
	}
}
