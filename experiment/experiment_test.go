package experiment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

type toyConfig struct {
	N int `json:"n"`
}

func (c toyConfig) Check() error {
	if c.N < 0 {
		return errors.New("n is negative: use n = 0 or more")
	}
	return nil
}

type toyResult struct {
	Square int `json:"square"`
}

// toy squares numbers; run can be replaced to fail or to wait.
func toy(run func(context.Context, toyConfig) (toyResult, error)) Experiment {
	return define(spec[toyConfig, toyResult]{
		name: "toy",
		trials: func(Scale, uint64) []toyConfig {
			return []toyConfig{{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}}
		},
		run: run,
		collect: func(all []done[toyConfig, toyResult]) (Findings, error) {
			sum := 0
			for i, d := range all {
				sum += (i + 1) * d.Found.Square
			}
			return Findings{Claims: []Claim{{ID: "sum", Source: "ours", Measured: Number(sum), Predicted: 1296, Relation: Equals}}}, nil
		},
	})
}

func square(_ context.Context, c toyConfig) (toyResult, error) { return toyResult{c.N * c.N}, nil }

func TestReproduceDoesNotDependOnWorkers(t *testing.T) {
	// Trials finish in reverse; results keep the order of the plan.
	slow := func(ctx context.Context, c toyConfig) (toyResult, error) {
		time.Sleep(time.Duration(8-c.N) * time.Millisecond)
		return square(ctx, c)
	}
	var want []byte
	for _, workers := range []int{1, 2, 7} {
		var steps atomic.Int32
		o, _, err := Reproduce(context.Background(), toy(slow), Options{Workers: workers}, func() { steps.Add(1) })
		if err != nil {
			t.Fatal(err)
		}
		if steps.Load() != 8 || !o.Claims[0].Pass || o.Claims[0].ID != "toy/sum" {
			t.Errorf("%d workers: %d steps, claim %+v", workers, steps.Load(), o.Claims[0])
		}
		got, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d workers: another outcome", workers)
		}
	}
}

func TestReproduceStops(t *testing.T) {
	broken := errors.New("diverged")
	fails := func(ctx context.Context, c toyConfig) (toyResult, error) {
		if c.N == 3 {
			return toyResult{}, broken
		}
		return square(ctx, c)
	}
	_, _, err := Reproduce(context.Background(), toy(fails), Options{}, nil)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "toy: trial toy-") {
		t.Errorf("got %v, want the trial's error with its name", err)
	}
	cause := errors.New("stopped by the user")
	ctx, cancel := context.WithCancelCause(context.Background())
	waits := func(ctx context.Context, c toyConfig) (toyResult, error) {
		cancel(cause)
		<-ctx.Done()
		return toyResult{}, ctx.Err()
	}
	if _, _, err := Reproduce(ctx, toy(waits), Options{}, nil); !errors.Is(err, cause) {
		t.Errorf("got %v, want the cause of the cancellation", err)
	}
}

func TestPlanAppliesSettings(t *testing.T) {
	set := func(key, value string) Options { return Options{Set: []Setting{{key, value}}} }
	plan, err := Plan(toy(square), set("n", "5"))
	if err != nil || len(plan) != 1 || string(plan[0].Config) != `{"n":5}` {
		t.Fatalf("eight trials made equal are one, got %v, %v", plan, err)
	}
	all, err := Plan(toy(square), Options{})
	if err != nil || len(all) != 8 || all[4].ID != plan[0].ID || all[3].ID == plan[0].ID {
		t.Errorf("a trial's identity is that of its configuration: %v, %v", all, err)
	}
	for want, o := range map[string]Options{
		`toy has no setting "m"`:                    set("m", "5"),
		"toy: setting n=five is not a whole number": set("n", "five"),
		"toy: n is negative: use n = 0 or more":     set("n", "-1"),
		"toy: setting n=2.5 is not a whole number":  set("n", "2.5"),
	} {
		if _, err := Plan(toy(square), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", o.Set, err, want)
		}
	}
}

// Every experiment is listed whole, and each trial at each scale passes its
// own check and has an identity of its own.
func TestAllExperiments(t *testing.T) {
	ids := map[string]bool{}
	for _, e := range All() {
		if e.Name == "" || e.Source == "" || e.Summary == "" || e.Cost[Quick] <= 0 || e.Cost[Paper] <= 0 {
			t.Errorf("%q lacks a name, source, summary or cost", e.Name)
		}
		if e.Cost[Quick] > 5*time.Second {
			t.Errorf("%s: quick costs %v, more than 5 s", e.Name, e.Cost[Quick])
		}
		for _, scale := range []Scale{Quick, Paper} {
			plan, err := Plan(e, Options{Scale: scale, Seed: 1})
			if err != nil || len(plan) != len(e.Trials(scale, 1)) {
				t.Errorf("%s: %d of %d trials at %s scale are distinct and valid: %v", e.Name, len(plan), len(e.Trials(scale, 1)), scale, err)
			}
			for _, trial := range plan {
				if scale == Quick && ids[trial.ID] {
					t.Errorf("%s: trial %s occurs twice", e.Name, trial.ID)
				}
				ids[trial.ID] = true
			}
		}
	}
}
