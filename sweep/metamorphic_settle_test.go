//go:build unix

package sweep_test

import (
	"bytes"
	"os"
	"path/filepath"

	"icar/sweep"
)

// settle ends the chaos: what nobody edited is worked on to its end. A person would
// do what the errors of trials ask for, which is to remove what is in the place of a
// folder and to retry.
func (w *world) settle() {
	w.held = nil
	w.note("settle")
	w.within(func() {
		w.create() // what a cut-off create has left out
		w.clearFolders()
		w.retry()
	})
	finished, again := false, 3 // a trial that had lost workers loses the last one here
	for range 20 * len(w.trials) {
		w.within(func() {
			w.clock += lease.Milliseconds() + 5*60_000 + 1
			want(w, w.store.Tick(w.Context(), w.clock), nil)
			w.claim()
			for len(w.held) > 0 {
				w.work()
			}
			var err error
			if finished, err = w.store.Finished(w.Context(), w.sweep); err != nil {
				w.fail("finished: %v", err)
			}
			if finished && again > 0 {
				again--
				finished = w.retry() == 0
			}
		})
		if finished {
			return
		}
	}
	w.fail("it does not come to an end")
}

// clearFolders removes what is no folder where those of sweeps and trials belong.
func (w *world) clearFolders() {
	for _, pattern := range []string{"*", "*/*"} {
		all, err := filepath.Glob(filepath.Join(w.files, pattern))
		if err != nil {
			w.Fatal(err)
		}
		for _, path := range all {
			info, err := os.Lstat(path)
			if err == nil && !info.IsDir() {
				err = os.Remove(path)
			}
			if err != nil {
				w.Fatal(err)
			}
		}
	}
}

// judge looks at what is there in the end.
func (w *world) judge() {
	rows := 0
	err := w.store.Trials(w.Context(), w.sweep, func(trial sweep.Trial) error {
		rows++
		edited := w.edited[trial.Position]
		switch {
		case trial.Wrong != nil && !edited:
			w.fail("a trial that nobody edited is refused: %v", trial.Wrong)
		case trial.Wrong == nil && trial.Result != nil &&
			!bytes.Equal(trial.Result, w.calm[trial.ID]):
			w.fail("trial %s has the result %s, of a calm run %s", trial.ID, trial.Result,
				w.calm[trial.ID])
		case trial.State == sweep.Done && trial.Wrong == nil && trial.Result == nil && !edited:
			w.fail("trial %s is done without a result", trial.ID)
		case trial.State != sweep.Done && !edited:
			w.fail("trial %s is %s, %q", trial.ID, trial.State, trial.Error)
		case trial.State == sweep.Failed && trial.Error == "":
			w.fail("a trial has failed without a reason")
		}
		return nil
	})
	if err != nil || rows != len(w.trials) {
		w.fail("%d trials of %d: %v", rows, len(w.trials), err)
	}
	if after := tree(w, w.outside); after != w.before {
		w.fail("outside of the sweep's folders there was\n%s\nand there is\n%s", w.before, after)
	}
	w.Logf("%d operations, %d results recorded here, %d rows edited, %d processes killed",
		len(w.did), w.results, len(w.edited), w.killed)
}
