package command

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"icar/sweep"
	"icar/train"
)

// The explorer reads the sweeps of a database as they are: what is done with its result,
// what has failed with its error, what waits without either.
func TestSweepsOfADatabaseAreServed(t *testing.T) {
	const program = "0123456789abcdef"
	ctx, file := t.Context(), filepath.Join(t.TempDir(), "sweep.db")
	catalogue := train.Standard()
	plan, err := sweep.DecodePlan([]byte("base: {depth: 2}\ngrid: {seed: [0, 1, 2]}\nattempts: 1\n"),
		catalogue)
	if err != nil {
		t.Fatal(err)
	}
	trials, _, err := plan.Trials("go")
	if err != nil {
		t.Fatal(err)
	}
	address, err := sweep.ParseAddress(file)
	if err != nil {
		t.Fatal(err)
	}
	store, err := sweep.Open(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	w := sweep.Sweep{ID: sweep.Name(program, trials), Kind: sweep.Training, Arithmetic: "go",
		Program: program, Trials: 3, Attempts: 1}
	_, err = store.Create(ctx, w, trials)
	first, err1 := store.Claim(ctx, w, "worker", time.Minute)
	err2 := store.Complete(ctx, first, []byte(`{"steps":9,"loss":0.5,"test_mse":0.25}`), nil)
	second, err3 := store.Claim(ctx, w, "worker", time.Minute)
	err4 := store.Fail(ctx, second, errors.New("diverged"), time.Second)
	if err := errors.Join(err, err1, err2, err3, err4, store.Close()); err != nil {
		t.Fatal(err)
	}
	s := databaseSweeps{databaseFlags{database: file}, catalogue}
	all, err := s.Sweeps(ctx)
	if err != nil || len(all) != 1 || all[0].ID != w.ID || all[0].Done != 1 || all[0].Failed != 1 ||
		all[0].Pending != 1 || all[0].Trials != 3 {
		t.Fatalf("%+v, %v", all, err)
	}
	found, err := s.Trials(ctx, w.ID, 10)
	if err != nil || len(found) != 3 {
		t.Fatalf("%+v, %v", found, err)
	}
	states := map[string]int{}
	for i, trial := range found {
		states[trial.State+" "+trial.Error]++
		if trial.ID != trials[i].ID || trial.Config.Depth != 2 || trial.Config.Seed != uint64(i) {
			t.Errorf("trial %d is %+v", i, trial)
		}
		if trial.State == "done" && (trial.TestMSE != 0.25 || trial.Loss != 0.5 || trial.Steps != 9) {
			t.Errorf("what is done is %+v", trial)
		}
	}
	if states["done "] != 1 || states["failed diverged"] != 1 || states["pending "] != 1 {
		t.Errorf("the states are %v", states)
	}
	if two, err := s.Trials(ctx, w.ID, 2); err != nil || len(two) != 2 {
		t.Errorf("of at most 2 there are %d, %v", len(two), err)
	}
	if _, err := s.Trials(ctx, "000000000000", 2); !errors.Is(err, sweep.ErrNoSweep) {
		t.Errorf("a sweep that is not there: %v", err)
	}
	s.database = filepath.Join(t.TempDir(), "none.db")
	if _, err := s.Sweeps(ctx); err == nil {
		t.Error("a database that is not there is read")
	}
}
