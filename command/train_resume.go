package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"icar/internal/visible"
	"icar/nn"
	"icar/nn/cuda/card"
	"icar/run"
	"icar/train"
)

// resumeFlags are what icar train is told about a run to go on with.
type resumeFlags struct {
	dir   string
	mixed bool // arithmetic
}

// trainResume goes on with a run at its last checkpoint.
func (h *house) trainResume(c *cobra.Command, f trainFlags) (err error) {
	for _, name := range []string{"name", "note", "tag"} {
		if c.Flags().Changed(name) {
			return usage(fmt.Errorf("--%s cannot go with --resume: use icar runs %[1]s %s", name,
				f.resume.dir))
		}
	}
	for _, name := range []string{"config", "init", "out"} {
		if c.Flags().Changed(name) {
			return usage(fmt.Errorf("--%s cannot go with --resume, which takes everything from "+
				"the directory: leave it out", name))
		}
	}
	processor, err := h.processorOf(c, card.Auto, h.arithmeticOf(f.resume.dir))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, processor.Close()) }()
	source, err := h.ownSource(c.Context(), f.resume.dir) // a changed file changes nothing
	if err != nil {
		return err
	}
	extended, err := h.extended(c, f.resume.dir)
	if err != nil {
		return err
	}
	dir, saved, err := run.Extend(f.resume.dir,
		h.resumedArithmetic(f.resume.dir, processor.Processor), f.resume.mixed, extended)
	switch {
	case errors.Is(err, run.ErrUnwritable), errors.Is(err, fs.ErrPermission),
		errors.Is(err, run.ErrDiverged):
		return runFailed(err)
	case errors.Is(err, run.ErrRunning):
		return usage(err)
	case err != nil:
		return badInput(err)
	}
	config, err := h.resumedConfig(c.Flags(), f.resume.dir, saved.Config)
	if err != nil {
		if dir != nil {
			err = errors.Join(err, dir.Close())
		}
		return err
	}
	if saved.Damaged != nil {
		fmt.Fprintf(c.ErrOrStderr(),
			"icar: %s: %v; going on from the checkpoint before it, of step %d\n",
			visible.Text(f.resume.dir), visible.Text(saved.Damaged.Error()), saved.Checkpoint.Step)
	}
	if saved.Done {
		fmt.Fprintf(c.ErrOrStderr(), "icar: %s is complete: there is nothing to go on with\n",
			visible.Text(f.resume.dir))
		return printTrained(c.Context(), c.OutOrStdout(), config, saved.Metrics, f.resume.dir)
	}
	if !saved.Info.Ours() {
		fmt.Fprintf(c.ErrOrStderr(),
			"icar: %s was computed by %s and goes on with this one, %s: its bits may not be "+
				"those of one go; run.json names both\n",
			f.resume.dir, programs(saved.Info.Programs()), thisProgram())
	}
	return trainIn(c, config, f, train.Options{Backend: processor.New, Dir: dir,
		Saved: &saved, Source: source})
}

// ownSource returns the sequences of a run on files; nil of any other, and of what cannot
// be read, which is for run.Extend to refuse.
func (h *house) ownSource(ctx context.Context, dir string) (train.Source, error) {
	_, config, err := h.catalogue.ReadRun(dir)
	if err != nil || config.Data == "" {
		return nil, nil
	}
	batches, err := train.NewBatches(ctx, config)
	if err != nil {
		return nil, badInput(fmt.Errorf("%s: %w", dir, err))
	}
	return batches, nil
}

// extended returns the configuration of a run with more epochs, if the flags give
// it more; nil if they do not, and of what cannot be read, which is for run.Open to
// refuse.
func (h *house) extended(c *cobra.Command, dir string) ([]byte, error) {
	flag := c.Flags().Lookup("epochs")
	r, was, err := h.catalogue.ReadRun(dir)
	if err != nil || !flag.Changed {
		return nil, nil
	}
	epochs, err := strconv.Atoi(flag.Value.String())
	if err != nil || epochs <= was.Epochs || r.State == run.Diverged {
		return nil, nil
	}
	config, err := was.Extended(epochs)
	if err != nil {
		return nil, usage(fmt.Errorf("%s cannot be extended: %w", dir, err))
	}
	// Whatever else the flags say has to be as it was, before anything is changed.
	if _, err := h.resumedConfig(c.Flags(), dir, config.YAML()); err != nil {
		return nil, err
	}
	fmt.Fprintf(c.ErrOrStderr(), "icar: %s had %d epochs and goes on to %d\n", visible.Text(dir),
		was.Epochs, epochs)
	return config.YAML(), nil
}

// arithmeticOf returns that of a run, "" where it cannot be read.
func (h *house) arithmeticOf(dir string) string {
	r, _, err := h.catalogue.ReadRun(dir)
	if err != nil {
		return ""
	}
	return r.Info.Arithmetic
}

// resumedArithmetic returns that of going on with a run. A run that cannot be
// read is for run.Open to refuse.
func (h *house) resumedArithmetic(dir string, p nn.Processor) string {
	if _, config, err := h.catalogue.ReadRun(dir); err == nil {
		if arithmetic, err := config.Arithmetic(p.New); err == nil {
			return arithmetic
		}
	}
	return p.Arithmetic
}

// resumedConfig decodes the configuration of a run. Flags may repeat it and
// not change it.
func (h *house) resumedConfig(flags *pflag.FlagSet, dir string, file []byte) (train.Config, error) {
	c, err := h.catalogue.Read(file)
	if err != nil {
		return c, badInput(fmt.Errorf("%s: %s: %w", dir, run.ConfigFile, err))
	}
	values := c.Values()
	for _, s := range given(flags, h.catalogue.Keys()) {
		was, has := values[s.Key]
		switch {
		case !has:
			return c, usage(fmt.Errorf("%s has no setting %s, since its law is %s and its tokens "+
				"are %s: leave --%[2]s out",
				dir, s.Key, values["law"], c.Tokens))
		case was != s.Value:
			return c, usage(fmt.Errorf("%s has %s %s, not %s: leave --%s out, or start a new run "+
				"with --config %s/%s",
				dir, s.Key, was, s.Value, s.Key, dir, run.ConfigFile))
		}
	}
	return c, nil
}
