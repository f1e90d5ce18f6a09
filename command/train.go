package command

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"icar/internal/budget"
	"icar/nn"
	"icar/nn/cuda/card"
	"icar/run"
	"icar/setting"
	"icar/train"
)

// trainFlags are the flags that are no keys of the configuration.
type trainFlags struct {
	config, init, out string
	seconds           float64 // between checkpoints
	resume            resumeFlags
	label             run.Label
	quiet             bool
}

func (h *house) newTrain() *cobra.Command {
	var f trainFlags
	c := &cobra.Command{
		Use:   "train",
		Short: "Train a Transformer on autoregressive sequences",
		Long: `Train a Transformer and write a directory with its configuration, metrics and
weights. Settings come from --config, a YAML file, and from flags of the same
names, which go before the file. What neither gives is that of Fig. 5 of the
paper at depth 1.

With --data the sequences are your own, a .npy file of states (N, T+1, d). The last
ones are held out and tested on, or those of --test-data; docs/own-data.md says how
they are shared out and what is checked.

The first Ctrl-C saves a checkpoint and stops, the second stops at once. What
was stopped or killed goes on with --resume from its last checkpoint, to the
same bits as in one go. With --resume --epochs a run becomes longer, also one
that is complete.`,
		Example: `  icar train --epochs 20
  icar train --config runs/a/config.yaml --seed 1 --out runs/b
  icar train --optimiser adamw --weight_decay 0.01 --warmup 200 --clip 1 --schedule cosine
  icar train --resume runs/b
  icar train --resume runs/b --epochs 40
  icar train --data mine.npy --batch 64 --epochs 20 --out runs/mine
  icar train --tokens plain --embed 10 --heads 8 --position product --residual=false`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if math.IsNaN(f.seconds) || f.seconds < 0 || f.seconds > maxSeconds {
				return usage(fmt.Errorf("checkpoint_seconds %v is not from 0 to %v: use 60",
					f.seconds, float64(maxSeconds)))
			}
			if c.Flags().Changed("resume") {
				return h.trainResume(c, f)
			}
			if f.resume.mixed {
				return usage(errors.New(
					"--allow-different-arithmetic is for --resume: leave it out"))
			}
			return h.trainRun(c, f)
		},
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.config, "config", "", "YAML `file` of settings")
	flags.StringVar(&f.init, "init", "",
		"safetensors `file` of weights to start from, such as PyTorch's or a checkpoint")
	flags.StringVar(&f.out, "out", "",
		"the `directory` to write, which must not exist (default runs/HASH of the configuration)")
	flags.StringVar(&f.resume.dir, "resume", "", "the `directory` of a run to go on with")
	flags.BoolVar(&f.resume.mixed, "allow-different-arithmetic", false,
		"resume a run of another kernel arithmetic, to other bits")
	flags.Float64Var(&f.seconds, "checkpoint-seconds", 60,
		"longest time without a checkpoint, in `seconds`; 0 for any")
	labelFlags(flags, &f.label)
	flags.BoolVar(&f.quiet, "quiet", false, "show no progress: results, warnings and errors only")
	addSettings(flags, h.catalogue.Keys())
	return c
}

// addSettings makes a flag of every key.
func addSettings(flags *pflag.FlagSet, keys []setting.Key) {
	for _, k := range keys {
		flag := flags.VarPF(k, k.Name, "", strings.ReplaceAll(k.Means, "`", ""))
		if k.Type() == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
	// --learning-rate is what people type for learning_rate.
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(strings.ReplaceAll(name, "-", "_"))
	})
}

func (h *house) trainRun(c *cobra.Command, f trainFlags) (err error) {
	config, err := h.trainConfig(c.Flags(), f.config)
	if err != nil {
		return err
	}
	if err := f.label.Check(); err != nil {
		return usage(err)
	}
	if config.Optimiser == nn.AdamWName && config.WeightDecay == 0 {
		fmt.Fprintf(c.ErrOrStderr(), "icar: %s without weight_decay is %s: PyTorch's default is "+
			"--weight_decay %v\n", nn.AdamWName, nn.AdamName, nn.UsualDecay)
	}
	processor, err := h.processorOf(c, card.Auto, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, processor.Close()) }()
	arithmetic, err := config.Arithmetic(processor.New)
	if err != nil {
		return usage(err)
	}
	info := run.NewInfo(config.Seed, arithmetic)
	info.Data, info.TestData = config.DataSum, config.TestSum
	var model *nn.Transformer[float32] // nil for the seed's
	if f.init != "" {
		if model, err = train.Load(config, f.init); err == nil {
			info.Init, err = hashFile(f.init)
		}
		if err != nil {
			return badInput(err)
		}
	}
	if f.out == "" {
		f.out = filepath.Join("runs", run.Name(config.YAML()))
	}
	dir, err := run.Create(f.out, config.YAML(), info)
	if errors.Is(err, os.ErrExist) {
		return usage(fmt.Errorf("%w with --out", err))
	}
	if err != nil {
		return runFailed(fmt.Errorf("--out %s cannot be written: %w; choose another directory",
			f.out, err))
	}
	if _, err := run.SetLabel(f.out, func(l *run.Label) { *l = f.label }); err != nil {
		return runFailed(errors.Join(err, dir.Close()))
	}
	return trainIn(c, config, f, train.Options{Model: model, Backend: processor.New, Dir: dir})
}

// maxSeconds is ten years, which a time.Duration holds.
const maxSeconds = 10 * 365 * 24 * 3600

// trainIn trains into a directory and prints what it has come to.
func trainIn(c *cobra.Command, config train.Config, f trainFlags, o train.Options) error {
	path := o.Dir.Path()
	sparing(config.Config)
	o.CheckpointEvery = time.Duration(f.seconds * float64(time.Second))
	o.Notice = func(why error) { fmt.Fprintf(c.ErrOrStderr(), "icar: %v\n", why) }
	watch := newTrainWatch(c.ErrOrStderr(), config, o, f.quiet)
	o.Observe = watch.step
	_, history, err := train.Train(c.Context(), config, o)
	watch.end(err)
	if err = errors.Join(err, o.Dir.Close()); err != nil {
		err = fmt.Errorf("%s: %w", path, err)
		if !errors.As(err, new(train.DivergedError)) {
			err = fmt.Errorf("%w; go on with icar train --resume %s", err, path)
		}
		return runFailed(err)
	}
	if err := printTrained(c.Context(), c.OutOrStdout(), config, history, path); err != nil {
		return runFailed(err)
	}
	return nil
}

// trainConfig returns the resolved configuration of a file, "" for none, and
// of the flags that were given.
func (h *house) trainConfig(flags *pflag.FlagSet, path string) (train.Config, error) {
	c, err := h.readConfig(path)
	if err != nil {
		return c, err
	}
	err = c.Assign(given(flags, h.catalogue.Keys())...)
	if err == nil {
		c, err = new(train.Files).Fill(c)
	}
	if err == nil {
		c, err = c.Resolve()
	}
	if errors.As(err, new(train.FileError)) {
		return c, badInput(err)
	}
	if err != nil {
		return c, usage(err)
	}
	return c, nil
}

// readConfig returns the configuration of a file, the default one for "".
func (h *house) readConfig(path string) (train.Config, error) {
	c := h.catalogue.Config()
	if path == "" {
		return c, nil
	}
	file, err := readSmall(path)
	if err != nil {
		return c, badInput(err)
	}
	if err := c.Decode(file); err != nil {
		err = fmt.Errorf("%s: %w", path, err)
		if errors.Is(err, train.ErrSyntax) {
			return c, badInput(err)
		}
		return c, usage(err)
	}
	return c, nil
}

// given returns the settings that flags were given for.
func given(flags *pflag.FlagSet, keys []setting.Key) (all []setting.Setting) {
	for _, k := range keys {
		if flag := flags.Lookup(k.Name); flag.Changed {
			all = append(all, setting.Setting{Key: k.Name, Value: flag.Value.String()})
		}
	}
	return all
}

// maxConfig is more than any configuration needs, in bytes.
const maxConfig = 1 << 20

func readSmall(path string) ([]byte, error) {
	return budget.ReadFile(path, maxConfig)
}

// hashFile returns the SHA-256 of a file in hex.
func hashFile(path string) (string, error) {
	f, err := budget.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}
