package experiment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"icar/figure"
	"icar/outcome"
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
	return Define(Spec[toyConfig, toyResult]{
		Name: "toy",
		Trials: func(outcome.Scale, uint64) []toyConfig {
			return []toyConfig{{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}}
		},
		Run: run,
		Collect: func(all []Done[toyConfig, toyResult]) (Findings, error) {
			sum := 0
			for i, d := range all {
				sum += (i + 1) * d.Found.Square
			}
			return Findings{Claims: []outcome.Claim{{ID: "sum", Source: "ours",
				Measured: figure.Number(sum), Predicted: 1296, Relation: outcome.Equals}}}, nil
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
		o, _, err := Reproduce(context.Background(), toy(slow), Options{Workers: workers},
			func() { steps.Add(1) })
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
	done := 0
	_, _, err := Reproduce(context.Background(), toy(fails), Options{Workers: 1},
		func() { done++ })
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "toy: trial toy-") || done != 2 {
		t.Errorf("got %v after %d trials, want the third's error with its name", err, done)
	}
	cause := errors.New("stopped by the user")
	ctx, cancel := context.WithCancelCause(context.Background())
	waits := func(ctx context.Context, c toyConfig) (toyResult, error) {
		cancel(cause)
		<-ctx.Done()
		return toyResult{}, ctx.Err()
	}
	if _, _, err := Reproduce(ctx, toy(waits), Options{}, nil); !errors.Is(err, cause) ||
		err.Error() != cause.Error() {
		t.Errorf("got %v, want the cause of the cancellation alone", err)
	}
	full := errors.New("the disk is full")
	ctx, cancel = context.WithCancelCause(context.Background())
	unsaved := func(ctx context.Context, c toyConfig) (toyResult, error) {
		if c.N == 1 {
			cancel(cause)
			return toyResult{}, full
		}
		<-ctx.Done()
		return toyResult{}, context.Cause(ctx)
	}
	_, _, err = Reproduce(ctx, toy(unsaved), Options{Workers: 2}, nil)
	if !errors.Is(err, cause) || !errors.Is(err, full) ||
		strings.Count(err.Error(), cause.Error()) != 1 {
		t.Errorf("got %v, want the cause, once, and what could not be saved", err)
	}
}

func TestPlanAppliesSettings(t *testing.T) {
	set := func(key, value string) Options {
		return Options{Set: []outcome.Setting{{Key: key,
			Value: value}}}
	}
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

// Result of elsewhere are taken by the trial's identity and not run again.
func TestReproduceTakesKnownResults(t *testing.T) {
	var runs atomic.Int32
	e := toy(func(ctx context.Context, c toyConfig) (toyResult, error) {
		runs.Add(1)
		return square(ctx, c)
	})
	plan, err := Plan(e, Options{})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]outcome.Result{plan[2].ID: {Trial: plan[2],
		Found: json.RawMessage(`{"square": 109}`)}}
	var steps atomic.Int32
	o, cost, err := Reproduce(context.Background(), e,
		Options{Seed: 11, Scale: outcome.Paper, Known: known, Workers: 3}, func() { steps.Add(1) })
	if err != nil {
		t.Fatal(err)
	}
	if runs.Load() != 7 || steps.Load() != 8 || o.Claims[0].Measured != 1296+300 ||
		o.Claims[0].Pass {
		t.Errorf("%d runs, %d steps, claim %+v; want 7, 8 and 1596", runs.Load(), steps.Load(),
			o.Claims[0])
	}
	if o.Seed != 11 || o.Scale != outcome.Paper || o.Name != "toy" || o.Version != 1 ||
		cost.Workers != 3 || cost.Kept != 0 || cost.Seconds <= 0 {
		t.Errorf("outcome %+v of %+v", o, cost)
	}
}

// No more trials are at work at a time than there are workers, and all of them.
func TestReproduceWorkers(t *testing.T) {
	var now, most atomic.Int32
	e := toy(func(ctx context.Context, c toyConfig) (toyResult, error) {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(time.Second)
		now.Add(-1)
		return square(ctx, c)
	})
	synctest.Test(t, func(t *testing.T) {
		if _, _, err := Reproduce(context.Background(), e, Options{Workers: 3}, nil); err != nil ||
			most.Load() != 3 {
			t.Errorf("%d trials at a time, want 3 (%v)", most.Load(), err)
		}
	})
}

// Two claims of one name are told apart, and each is of its experiment.
func TestCollectNamesClaims(t *testing.T) {
	e := Define(Spec[toyConfig, toyResult]{Name: "twins", Run: square,
		Trials: func(_ outcome.Scale, seed uint64) []toyConfig { return []toyConfig{{int(seed)}} },
		Collect: func(all []Done[toyConfig, toyResult]) (Findings, error) {
			x := outcome.Claim{ID: "x", Source: "ours",
				Measured: figure.Number(all[0].Found.Square), Predicted: 9,
				Relation: outcome.AtLeast}
			y := x
			y.Predicted = 10
			return Findings{Claims: []outcome.Claim{x, y, x}}, nil
		}})
	o, _, err := Reproduce(context.Background(), e, Options{Seed: 3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		id   string
		pass bool
	}{{"twins/x", true}, {"twins/x#2", false}, {"twins/x#3", true}} {
		if c := o.Claims[i]; c.ID != want.id || c.Pass != want.pass {
			t.Errorf("claim %d is %s, pass %v; want %+v", i, c.ID, c.Pass, want)
		}
	}
}

// A result that is not one of the experiment's, and a configuration with a
// field it does not have, are refused with the name of the trial.
func TestForeignResults(t *testing.T) {
	e := toy(square)
	plan, err := Plan(e, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Collect([]outcome.Result{{Trial: plan[0],
		Found: json.RawMessage(`{"cube": 1}`)}}); err == nil ||
		!strings.Contains(err.Error(), "toy: trial "+plan[0].ID) {
		t.Errorf("got %v", err)
	}
	foreign := outcome.Trial{ID: "toy-x", Config: json.RawMessage(`{"m": 1}`)}
	if _, err := e.Run(context.Background(), foreign, Env{}); err == nil ||
		!strings.Contains(err.Error(), "toy: trial toy-x") {
		t.Errorf("got %v", err)
	}
	if e.Check(foreign, Env{}) == nil {
		t.Error("a foreign configuration passes the check")
	}
}

// The kinds of settings are named in words.
func TestKindName(t *testing.T) {
	if got := kindName(reflect.Bool) + "; " +
		kindName(reflect.String); got != "true or false; a word" {
		t.Error(got)
	}
}

// anyConfig is the configuration of an experiment that has none.
type anyConfig struct{}

func (anyConfig) Check() error { return nil }

// A claim whose source names nobody cannot be counted, and is refused.
func TestCollectRefusesAClaimOfNobody(t *testing.T) {
	for source, refused := range map[string]bool{"ours": false, "nobody": true} {
		toy := Define(Spec[anyConfig, int]{Name: "toy",
			Collect: func([]Done[anyConfig, int]) (Findings, error) {
				return Findings{Claims: []outcome.Claim{{ID: "one", Source: source,
					Relation: outcome.Equals}}}, nil
			}})
		if _, err := toy.Collect(nil); (err != nil) != refused {
			t.Errorf("%q: %v", source, err)
		}
	}
}
