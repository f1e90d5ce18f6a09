package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"icar/nn"
	"icar/run"
	"icar/train"
)

// Trainer does the trials of a sweep of the kind Training.
type Trainer struct {
	Attempts
	Catalogue       *train.Catalogue // what the configurations mean
	Processor       nn.Processor
	CheckpointEvery time.Duration // the longest time without a checkpoint
	Step            func()        // called after every step, if not nil
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
	config := t.Catalogue.Config()
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
	o := train.Options{Backend: t.Processor.New, Notice: t.notice, Dir: dir, Saved: saved,
		CheckpointEvery: t.CheckpointEvery, Observe: t.observe}
	_, history, err := train.Train(ctx, config, o)
	if err = errors.Join(err, dir.Close()); err != nil {
		return nil, nil, err
	}
	return found(history)
}

func (t Trainer) notice(why error) { t.Log.Warn(why.Error()) }

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
			metrics = append(metrics, Metric{m.Step, "loss", m.Loss},
				Metric{m.Step, "test_mse", m.TestMSE})
		}
	}
	return result, metrics, err
}

// open makes the directory of an attempt, with the last checkpoint of an
// earlier one that is whole; saved is nil if there is none.
func (t Trainer) open(c Claim, config train.Config) (*run.Dir, *run.Saved, error) {
	arithmetic, err := config.Arithmetic(t.Processor.New)
	if err != nil {
		return nil, nil, err
	}
	dir, saved, err := t.Inherit(c, arithmetic)
	if err == nil && dir == nil {
		info := run.NewInfo(config.Seed, arithmetic)
		info.Data, info.TestData = config.DataSum, config.TestSum
		dir, err = run.Create(t.Path(c), c.Config, info)
	}
	return dir, saved, err
}
