package experiment

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"icar/nn"
	"icar/train"
)

// tiny is a run of a moment.
func tiny() train.Config {
	c := train.DefaultConfig()
	c.D, c.Length, c.Batch, c.Train, c.Test, c.Epochs = 2, 3, 4, 4, 4, 1
	return c
}

// slower is a backend that leaves something to the host, and says so.
type slower struct{ nn.Backend }

func (s slower) Descend(_ context.Context, d nn.Descent) (nn.Stepper, error) {
	d.Notice(errors.New("the host draws"))
	return nil, errors.ErrUnsupported
}

// TestTrialSaysWhatIsSlower: what a trial does more slowly than it could is told to whoever runs
// it, and a trial that nobody listens to is trained too.
func TestTrialSaysWhatIsSlower(t *testing.T) {
	c := tiny()
	build := nn.Processor{}.Or().New
	var said []string
	e := Env{Notice: func(message string) { said = append(said, message) }}
	e.Processor.New = func(m *nn.Transformer[float32]) (nn.Backend, error) {
		b, err := build(m)
		return slower{b}, err
	}
	for _, e.Directory = range []string{"", filepath.Join(t.TempDir(), "run")} {
		said = nil
		if _, _, err := e.Train(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(said, []string{"the host draws"}) {
			t.Errorf("in the directory %q said %q", e.Directory, said)
		}
	}
	if _, _, err := (Env{}).Train(t.Context(), c); err != nil {
		t.Error(err)
	}
}

// A trial that is stopped has closed its directory, in which the next attempt goes on: nobody
// may in one that is still open.
func TestStoppedTrialIsGoneOnWith(t *testing.T) {
	c := tiny()
	c.Epochs = 4
	whole, history, err := Env{}.Train(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough, made := errors.New("enough"), 0
	e := Env{Directory: filepath.Join(t.TempDir(), "run"), Step: func() {
		if made++; made == 2 {
			cancel(enough)
		}
	}}
	if _, _, err := e.Train(ctx, c); !errors.Is(err, enough) || made != 2 {
		t.Fatalf("stopped after 2 of 4 steps it ends after %d with %v", made, err)
	}
	model, again, err := e.Train(t.Context(), c)
	if err != nil || made != 4 {
		t.Fatalf("it goes on to step %d, %v", made, err)
	}
	if !reflect.DeepEqual(again, history) ||
		!reflect.DeepEqual(model.Parameters(), whole.Parameters()) {
		t.Errorf("its history is %v, in one go %v, or its weights are others", again, history)
	}
}
