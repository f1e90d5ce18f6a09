package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"icar/experiment"
	"icar/internal/suggest"
	"icar/nn"
	"icar/nn/cuda/card"
	"icar/outcome"
	"icar/report"
)

// trialsFolder is where an output folder keeps the results of trials until all
// are there.
const trialsFolder = "trials"

type reproduceFlags struct {
	scale, out string
	seed       uint64
	workers    int
	set        []string
	asJSON     bool
	sweep      bool
	style      report.Style
	database   databaseFlags
}

func (h *house) newReproduce() *cobra.Command {
	var f reproduceFlags
	c := &cobra.Command{
		Use:   "reproduce [NAME...]",
		Short: "Run experiments and check their claims; all experiments when none is named",
		Long: `Run experiments, check every claim, measured against predicted, and write a
report with the figures and data. ` + "`icar list`" + ` names the experiments.

The folder given by --out then holds report.html, claims.json and a folder for
each experiment. Experiments of earlier runs in the same folder stay in the
report, which says of each how it was run; the same experiment is replaced.
Exit code 1 says that a claim of this run failed.

At the paper's scale results are kept in OUT/trials as they are found, and
checkpoints of what trains, until the command is done: interrupted or killed,
the same command goes on where it was, to the same bits.

With --sweep the trials are handed to workers by a database, as those of icar
sweep create are, and the claims are the same. This command is a worker too,
with --workers trials at a time; with --workers 0 it only waits for others,
which icar sweep work and icar sweep submit start.

` + kernelHelp,
		Example: `  icar reproduce
  icar reproduce fig6 --scale paper --out fig6-paper
  icar reproduce fig3-rotation --set d=6 --set heads=4
  icar reproduce --scale paper --sweep --database-file address`,
		ValidArgsFunction: func(*cobra.Command, []string, string) (
			[]string, cobra.ShellCompDirective) {
			return h.names(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, names []string) error { return h.reproduce(c, names, f) },
	}
	c.Flags().StringVar(&f.scale, "scale", string(outcome.Quick),
		"how large: quick (at most 5 s an experiment) or paper (the authors' sizes)")
	c.Flags().StringVar(&f.out, "out", "icar-out", "the folder to write")
	c.Flags().Uint64Var(&f.seed, "seed", 0,
		"seed of all randomness; the same seed gives the same bits")
	c.Flags().IntVar(&f.workers, "workers", 0,
		"trials at a time (default: one a processor, on a card 8 or more)")
	c.Flags().StringArrayVar(&f.set, "set", nil,
		"override a setting of the trials, KEY=VALUE; repeatable; the report lists the keys")
	addStyle(c.Flags(), &f.style)
	c.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document instead of the table")
	c.Flags().BoolVar(&f.sweep, "sweep", false, "hand the trials to workers by a database")
	f.database.add(c.Flags())
	return c
}

func (h *house) reproduce(c *cobra.Command, names []string, f reproduceFlags) (err error) {
	options, err := f.options()
	if err != nil {
		return usage(err)
	}
	if !f.sweep && (f.database != databaseFlags{}) {
		return usage(errors.New(
			"--database and --database-file are for --sweep: leave them out, or use it"))
	}
	chosen, err := h.choose(names)
	if err != nil {
		return usage(err)
	}
	usual := onLoops
	if options.Scale == outcome.Paper {
		usual = card.Auto
	}
	processor, err := h.processorOf(c, usual, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, processor.Close()) }()
	options.Processor = processor.Processor
	plans := make([][]outcome.Trial, len(chosen)) // finds wrong settings before anything runs
	for i, e := range chosen {
		if plans[i], err = experiment.Plan(e, options); err != nil {
			return usage(err)
		}
	}
	err = prepare(f.out)
	if err == nil {
		err = h.checkEarlier(f.out, chosen)
	}
	if err != nil {
		return runFailed(err)
	}
	switch {
	case f.sweep:
		if options.Known, err = h.reproduceInSweep(c, f.database, chosen, plans, options,
			f.atOnce(c, options.Processor)); err != nil {
			return err
		}
	case options.Scale == outcome.Paper:
		options.Keep = filepath.Join(f.out, trialsFolder)
	}
	entries, err := runAll(c.Context(), c.ErrOrStderr(), chosen, plans, options, f.out, f.style)
	if errors.Is(err, errInterrupted) && options.Keep != "" {
		err = fmt.Errorf("%w; the same command goes on from there", err)
	}
	if err != nil {
		return runFailed(err)
	}
	all, err := report.Load(f.out, h.names()) // with what earlier runs have left
	if err != nil {
		return runFailed(err)
	}
	page, err := report.WritePage(f.out, all)
	if err == nil && options.Keep != "" {
		err = experiment.Forget(options.Keep, slices.Concat(plans...))
	}
	if err != nil {
		return runFailed(err)
	}
	claims := report.Claims(entries)
	if f.asJSON {
		err = printReproduceJSON(c.OutOrStdout(), options, entries, claims)
	} else {
		err = printClaims(c.OutOrStdout(), entries, all, page)
	}
	if err != nil {
		return runFailed(err)
	}
	return verdict(claims)
}

// atOnce is the number of trials of a sweep that this process works on at a time.
func (f reproduceFlags) atOnce(c *cobra.Command, p nn.Processor) int {
	if c.Flags().Changed("workers") {
		return f.workers
	}
	return experiment.AtOnce(p)
}

func (f reproduceFlags) options() (experiment.Options, error) {
	o := experiment.Options{Scale: outcome.Scale(f.scale), Seed: f.seed, Workers: f.workers}
	scales := []string{string(outcome.Quick), string(outcome.Paper)}
	if o.Scale != outcome.Quick && o.Scale != outcome.Paper {
		return o, fmt.Errorf("there is no scale %q: %s", f.scale, suggest.Instead(f.scale, scales))
	}
	if f.workers < 0 {
		return o, fmt.Errorf("--workers %d is negative: use 1 or more, or leave it out", f.workers)
	}
	for _, s := range f.set {
		key, value, found := strings.Cut(s, "=")
		if !found {
			return o, fmt.Errorf("--set %s has no value: write --set KEY=VALUE", s)
		}
		o.Set = append(o.Set, outcome.Setting{Key: key, Value: value})
	}
	return o, nil
}

// prepare makes the output folder and finds out at once whether it can be
// written, rather than after minutes of work.
func prepare(out string) error {
	err := os.MkdirAll(out, 0o777)
	if err == nil {
		var probe *os.File
		if probe, err = os.CreateTemp(out, ".icar.*"); err == nil {
			_, err = probe.WriteString("icar")
			err = errors.Join(err, probe.Close(), os.Remove(probe.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("--out %s cannot be written: %w; choose another folder", out, err)
	}
	return nil
}

// checkEarlier finds out before anything runs whether what the folder holds
// beside the chosen experiments can stand on their page.
func (h *house) checkEarlier(out string, chosen []experiment.Experiment) error {
	var replaced []string
	for _, e := range chosen {
		replaced = append(replaced, e.Name)
	}
	if _, err := report.LoadOthers(out, h.names(), replaced); err != nil {
		return fmt.Errorf("an earlier result is in the way: %w; remove it or choose another --out",
			err)
	}
	return nil
}

// runAll runs the experiments one after the other and saves each when it is
// whole, so that an interrupt costs only the one that is running.
func runAll(ctx context.Context, stderr io.Writer, chosen []experiment.Experiment,
	plans [][]outcome.Trial, o experiment.Options, out string,
	style report.Style) ([]report.Entry, error) {
	progress := newProgress(stderr)
	defer progress.wait()
	o.Notice = func(message string) { progress.print(stderr, "icar: "+message+"\n") }
	var entries []report.Entry
	for i, e := range chosen {
		bar := progress.bar(e.Name, len(plans[i]))
		collected, cost, err := experiment.Reproduce(ctx, e, o, bar.step)
		if err == nil {
			err = report.Save(out, collected, cost, style)
		}
		if err != nil {
			bar.abort()
			return nil, err
		}
		entries = append(entries, report.Entry{Outcome: collected, Cost: cost})
	}
	return entries, nil
}
