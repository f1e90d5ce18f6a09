package sander2024

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"icar/experiment"
	"icar/nn"
	"icar/nn/kernel"
	"icar/outcome"
	"icar/run"
)

// heard collects notices.
type heard struct {
	sync.Mutex
	said []string
}

func (h *heard) add(message string) {
	h.Lock()
	defer h.Unlock()
	h.said = append(h.said, message)
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
	set := []outcome.Setting{{Key: "train", Value: "64"}, {Key: "batch", Value: "32"},
		{Key: "test", Value: "16"}, {Key: "length", Value: "5"}, {Key: "d", Value: "2"},
		{Key: "epochs", Value: "12"}, {Key: "warmup", Value: "0"}}
	plan, err := experiment.Plan(e, experiment.Options{Scale: outcome.Quick, Set: set})
	if err != nil {
		t.Fatal(err)
	}
	trial := plan[0]
	want, err := e.Run(context.Background(), trial, experiment.Env{})
	if err != nil {
		t.Fatal(err)
	}
	for fault, hurt := range map[string]func(dir string) error{
		"": func(string) error { return nil },
		"trained from the st": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "config.yaml"), []byte("d: 3\n"), 0o644)
		},
		"holds no run": func(dir string) error {
			return os.Remove(filepath.Join(dir,
				"config.yaml"))
		},
		"cannot be gone on with: it is another program's": func(dir string) error {
			path := filepath.Join(dir, "run.json")
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			program := regexp.MustCompile(`"program": "[0-9a-f]+"`)
			return os.WriteFile(path, program.ReplaceAll(data,
				[]byte(`"program": "0123456789abcdef"`)), 0o644)
		},
		"going on from": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "checkpoint.safetensors"), []byte("{}"), 0o644)
		},
	} {
		var n heard
		m := experiment.Env{Directory: filepath.Join(t.TempDir(), "trial"), Notice: n.add}
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
		if said := strings.Join(n.said, "\n"); !strings.Contains(said, fault) ||
			(fault == "") != (said == "") {
			t.Errorf("%q: said %q", fault, said)
		}
	}
}

// A trial on record as of amd64-fma, which is what fma was called, runs where there is fma
// and nowhere else.
func TestTrialOfAnOlderArithmetic(t *testing.T) {
	made := fig5()
	plan, err := experiment.Plan(made, experiment.Options{Scale: outcome.Quick})
	if err != nil {
		t.Fatal(err)
	}
	old, err := made.On(plan[0], "amd64-fma")
	if err != nil {
		t.Fatal(err)
	}
	today := "" // a kernel of that arithmetic
	for _, k := range kernel.Available() {
		if k.Arithmetic() == "fma" {
			today = k.Name()
		}
	}
	if err := made.Check(old, experiment.Env{}); (err == nil) != (today != "") {
		t.Errorf("kernel %q: %v", today, err)
	}
}

// The kernel of the options runs the networks, whose trials are of its arithmetic;
// those of an experiment without networks are of none.
func TestKernelOfTheOptions(t *testing.T) {
	plain, err := kernel.Choose("go")
	if err != nil {
		t.Fatal(err)
	}
	o := experiment.Options{Scale: outcome.Quick, Processor: nn.OnLoops(plain)}
	for e, want := range map[string]string{"fig5": "go", "fig6": ""} {
		made := fig5()
		if e == "fig6" {
			made = fig6()
		}
		plan, err := experiment.Plan(made, o)
		if err != nil || plan[0].Arithmetic != want {
			t.Errorf("%s: arithmetic %q (%v), want %q", e, plan[0].Arithmetic, err, want)
		}
		other, err := made.On(plan[0], "abacus")
		if err != nil || other.ID == plan[0].ID {
			t.Errorf("%s: %s in two arithmetics (%v)", e, other.ID, err)
		}
		if err := made.Check(other, experiment.Env{}); err == nil ||
			!strings.Contains(err.Error(), `no kernel here has the arithmetic "abacus"`) {
			t.Errorf("%s: got %v", e, err)
		}
	}
}
