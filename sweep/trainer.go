package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"icar/nn/kernel"
	"icar/run"
	"icar/train"
)

// Trainer does the trials of a sweep of the kind Training.
//
//	FOLDER/SWEEP/TRIAL/EPOCH/  the run directory of an attempt
//
// Nothing but the attempt of that epoch ever writes there: the next one copies
// the last checkpoint to a directory of its own.
type Trainer struct {
	Folder          string
	Kernel          kernel.Kernel
	CheckpointEvery time.Duration // the longest time without a checkpoint
	Log             *slog.Logger
	Step            func() // called after every step, if not nil
}

// Trained is the result of a training trial.
type Trained struct {
	Steps       int       `json:"steps"`
	Loss        float64   `json:"loss"` // of the last batch
	TestMSE     float64   `json:"test_mse"`
	PositionMSE []float64 `json:"position_mse"` // (T)
}

// Do trains a trial to its end, from the last checkpoint of an earlier attempt
// if one is within reach.
func (t Trainer) Do(ctx context.Context, c Claim) ([]byte, []Metric, error) {
	config := train.DefaultConfig()
	if err := config.Decode(c.Config); err != nil {
		return nil, nil, err
	}
	dir, saved, err := t.open(c, config)
	if err != nil {
		return nil, nil, err
	}
	from := 0
	if saved != nil {
		from = saved.Checkpoint.Step
	}
	t.Log.Info("training", "trial", c.ID, "epoch", c.Epoch, "from", from)
	o := train.Options{Kernel: t.Kernel, Dir: dir, Saved: saved, CheckpointEvery: t.CheckpointEvery, Observe: t.observe}
	_, history, err := train.Train(ctx, config, o)
	if err = errors.Join(err, dir.Close()); err != nil {
		return nil, nil, err
	}
	return found(history)
}

func (t Trainer) observe(run.Metric) {
	if t.Step != nil {
		t.Step()
	}
}

// found returns what a history is to the database.
func found(history train.History) ([]byte, []Metric, error) {
	last := history[len(history)-1]
	e := history.Last()
	result, err := json.Marshal(Trained{len(history), last.Loss, e.TestMSE, e.PositionMSE})
	var metrics []Metric
	for _, m := range history {
		if m.Evaluation != nil {
			metrics = append(metrics, Metric{m.Step, "loss", m.Loss}, Metric{m.Step, "test_mse", m.TestMSE})
		}
	}
	return result, metrics, err
}

func (t Trainer) trial(c Claim) string { return filepath.Join(t.Folder, c.Sweep, c.ID) }

// open makes the directory of an attempt, with the last checkpoint of an
// earlier one that is whole; saved is nil if there is none.
func (t Trainer) open(c Claim, config train.Config) (*run.Dir, *run.Saved, error) {
	path := filepath.Join(t.trial(c), strconv.FormatInt(c.Epoch, 10))
	arithmetic := t.Kernel.Arithmetic()
	for _, epoch := range t.epochs(c) {
		if epoch >= c.Epoch {
			continue
		}
		earlier := filepath.Join(t.trial(c), strconv.FormatInt(epoch, 10))
		err := run.WriteFolder(path, func(dir string) error { return copyRun(earlier, dir) })
		if err == nil {
			var dir *run.Dir
			var saved run.Saved
			if dir, saved, err = run.Open(path, arithmetic, false); err == nil {
				return dir, &saved, nil
			}
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Log.Warn("an earlier attempt cannot be gone on with", "trial", c.ID, "epoch", c.Epoch, "earlier", epoch, "error", err)
		}
		if err := os.RemoveAll(path); err != nil {
			return nil, nil, err
		}
	}
	dir, err := run.Create(path, c.Config, run.NewInfo(config.Seed, arithmetic))
	return dir, nil, err
}

// epochs returns the epochs of a trial's directories, the last first.
func (t Trainer) epochs(c Claim) []int64 {
	entries, err := os.ReadDir(t.trial(c))
	if err != nil {
		return nil // none is within reach
	}
	var all []int64
	for _, e := range entries {
		if n, err := strconv.ParseInt(e.Name(), 10, 64); err == nil {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	slices.Reverse(all)
	return all
}

// copyRun copies what a run goes on from while its process may be writing it.
// Checkpoints come before the metrics, which are whole up to a checkpoint
// before that is there. DONE stays: it could be newer than the checkpoint.
func copyRun(from, to string) error {
	names := []string{"config.yaml", "run.json", "checkpoint.safetensors", "checkpoint.previous.safetensors", "checkpoint.safetensors", "metrics.jsonl"}
	checkpoints := 0
	for _, name := range names {
		err := copyFile(filepath.Join(from, name), filepath.Join(to, name))
		isCheckpoint := name == names[2] || name == names[3]
		switch {
		case err == nil && isCheckpoint:
			checkpoints++
		case errors.Is(err, fs.ErrNotExist) && isCheckpoint:
		case err != nil:
			return err
		}
	}
	if checkpoints == 0 {
		return fmt.Errorf("%s has no checkpoint: %w", from, fs.ErrNotExist)
	}
	return nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync())
}

// Recorded removes the files of the attempts before the one that was recorded.
func (t Trainer) Recorded(c Claim) {
	for _, epoch := range t.epochs(c) {
		if epoch < c.Epoch {
			if err := os.RemoveAll(filepath.Join(t.trial(c), strconv.FormatInt(epoch, 10))); err != nil {
				t.Log.Warn("files of an earlier attempt are left", "trial", c.ID, "epoch", epoch, "error", err)
			}
		}
	}
}
