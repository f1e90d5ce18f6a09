package experiment

import (
	"context"
	"errors"
	"slices"
	"testing"

	"icar/nn"
	"icar/train"
)

// slower is a backend that leaves something to the host, and says so.
type slower struct{ nn.Backend }

func (s slower) Descend(_ context.Context, d nn.Descent) (nn.Stepper, error) {
	d.Notice(errors.New("the host draws"))
	return nil, errors.ErrUnsupported
}

// TestTrialSaysWhatIsSlower: what a trial does more slowly than it could is told to whoever runs
// it, and a trial that nobody listens to is trained too.
func TestTrialSaysWhatIsSlower(t *testing.T) {
	c := train.DefaultConfig()
	c.D, c.Length, c.Batch, c.Train, c.Test, c.Epochs = 2, 3, 4, 4, 4, 1
	build := nn.Processor{}.Or().New
	var said []string
	e := Env{Notice: func(message string) { said = append(said, message) }}
	e.Processor.New = func(m *nn.Transformer[float32]) (nn.Backend, error) {
		b, err := build(m)
		return slower{b}, err
	}
	if _, _, err := e.Train(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(said, []string{"the host draws"}) {
		t.Errorf("said %q", said)
	}
	if _, _, err := (Env{}).Train(t.Context(), c); err != nil {
		t.Error(err)
	}
}
