package sweep_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"icar/ar"
	"icar/nn"
	"icar/setting"
	"icar/sweep"
	"icar/train"
)

// walk is a law that a program may add: random walks of a step size.
type walk struct{ Step float64 }

func (w walk) Check() error {
	if !(w.Step > 0) {
		return errors.New("step is not positive: use 0.1")
	}
	return nil
}

func (w walk) Dim() int { return 1 }

func (w walk) Draw(states []float64, n int, r *rand.Rand) []ar.Context {
	for i := range states {
		if states[i] = w.Step * r.NormFloat64(); i%n > 0 {
			states[i] += states[i-1]
		}
	}
	return nil
}

func (w *walk) Settings() []setting.Key {
	return []setting.Key{setting.New("step", "standard deviation of a step", &w.Step)}
}

func walks(t *testing.T) *train.Catalogue {
	t.Helper()
	c := train.Standard()
	if err := c.AddLaw("walk", func() ar.Law { return &walk{0.1} }); err != nil {
		t.Fatal(err)
	}
	return c
}

// A plan searches the settings of an added law, and its trials are trained; those
// of the process have the identities that they have without it.
func TestSweepOverAnotherLaw(t *testing.T) {
	const base = "base: {length: 3, train: 32, batch: 16, test: 8, epochs: 2}\n"
	plan := func(file string, catalogue *train.Catalogue) []sweep.Spec {
		p, err := sweep.DecodePlan([]byte(base+file), catalogue)
		if err != nil {
			t.Fatal(err)
		}
		trials, _, err := p.Trials("go")
		if err != nil {
			t.Fatal(err)
		}
		return trials
	}
	catalogue := walks(t)
	trials := plan("grid: {step: [0.1, 0.5, 0.50], law: [walk]}", catalogue)
	if len(trials) != 2 || trials[0].ID == trials[1].ID ||
		!strings.HasPrefix(string(trials[1].Config), "law: walk\nstep: 0.5\ntokens: augmented\n") {
		t.Fatalf("%d trials, the second is\n%s", len(trials), trials[1].Config)
	}
	if a, b := plan("grid: {law: [process, walk]}", catalogue), plan("", nil); len(a) != 2 ||
		a[0].ID != b[0].ID {
		t.Errorf("the process has the identity %s, in the standard catalogue %s", a[0].ID, b[0].ID)
	}
	trainer := sweep.Trainer{Attempts: sweep.Attempts{Folder: t.TempDir(), Log: quiet()},
		Catalogue: catalogue, Processor: nn.OnLoops(loops())}
	result, _, err := trainer.Do(t.Context(),
		sweep.Claim{Sweep: "walks", ID: trials[1].ID, Epoch: 1, Config: trials[1].Config})
	if err != nil || !strings.Contains(string(result), `"steps":4`) {
		t.Errorf("result %s, %v", result, err)
	}
	trainer.Catalogue = nil
	if _, _, err := trainer.Do(t.Context(), sweep.Claim{Sweep: "walks", ID: trials[0].ID, Epoch: 1,
		Config: trials[0].Config}); err == nil ||
		!strings.Contains(err.Error(), `unknown law "walk"`) {
		t.Errorf("a worker that does not know the law: %v", err)
	}
}

func TestWrongPlansOfAnotherLaw(t *testing.T) {
	for file, wanted := range map[string]string{
		"grid: {law: [wlak]}": `trial 1, [law=wlak]: unknown law "wlak": did you mean walk?`,
		"grid: {stpe: [1]}":   `or step?`,
		"grid: {law: [walk, process], step: [0.1, 1]}": "trial 3, [law=process step=0.1]: step is a " +
			"setting of law walk",
		"base: {law: walk}\ngrid: {step: [1, 0]}": "trial 2, [step=0]: step is not positive: use 0.1",
	} {
		p, err := sweep.DecodePlan([]byte(file), walks(t))
		if err == nil {
			_, _, err = p.Trials("go")
		}
		if err == nil || !strings.Contains(err.Error(), wanted) {
			t.Errorf("%s\n got %v\nwant %s", file, err, wanted)
		}
	}
}
