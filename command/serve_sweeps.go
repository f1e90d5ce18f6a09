package command

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"icar/internal/budget"
	"icar/sweep"
	"icar/train"
	"icar/web"
)

// databaseSweeps are the sweeps of a database as the explorer shows them. The database is opened
// for each question, so that a page that is left open holds nothing of it.
type databaseSweeps struct {
	databaseFlags
	catalogue *train.Catalogue
}

// given reports whether the flags or the environment name a database.
func (s databaseSweeps) given() bool {
	return s.database != "" || s.file != "" || os.Getenv(databaseVariable) != ""
}

// Sweeps returns the sweeps whose trials are trainings.
func (s databaseSweeps) Sweeps(ctx context.Context) (all []web.Sweep, err error) {
	err = s.with(ctx, false, func(store *sweep.Store, _ sweep.Address) error {
		found, err := store.Sweeps(ctx)
		for _, w := range found {
			if err != nil || w.Kind != sweep.Training {
				continue
			}
			var st sweep.Status
			st, err = store.Status(ctx, w)
			all = append(all, web.Sweep{ID: w.ID, From: "the database", Trials: w.Trials,
				Done: st.Done, Running: st.Running, Pending: st.Pending + st.Missing,
				Failed: st.Failed + st.Cancelled})
		}
		return err
	})
	return all, err
}

// errEnough ends a reading.
var errEnough = errors.New("enough")

// Trials returns the trials of a sweep.
func (s databaseSweeps) Trials(ctx context.Context, id string, most int) (all []web.Trial,
	err error) {
	err = s.with(ctx, false, func(store *sweep.Store, _ sweep.Address) error {
		w, err := store.Find(ctx, id)
		if errors.Is(err, sweep.ErrNoSweep) {
			return errors.Join(err, fs.ErrNotExist)
		}
		if err != nil {
			return err
		}
		err = store.Trials(ctx, w, func(t sweep.Trial) error {
			if len(all) == most {
				return errEnough
			}
			all = append(all, s.trial(t))
			return nil
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		return err
	})
	return all, err
}

// trial is a row as the explorer shows it; one that cannot be read has failed.
func (s databaseSweeps) trial(t sweep.Trial) web.Trial {
	shown := web.Trial{ID: t.ID, State: t.State, Error: t.Error, Config: s.catalogue.Config()}
	err := t.Wrong
	if err == nil {
		var config train.Config
		if config, err = s.catalogue.Read(t.Config); err == nil {
			shown.Config = config
		}
	}
	if err == nil && t.Result != nil {
		var found sweep.Trained
		err = budget.Unmarshal(t.Result, &found, budget.Record())
		shown.Steps, shown.Loss, shown.TestMSE = found.Steps, found.Loss, found.TestMSE
	}
	if err != nil {
		shown.State, shown.Error = string(sweep.Failed), err.Error()
	}
	return shown
}
