package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"icar/bench"
	"icar/nn/kernel"
	"icar/outcome"
	"icar/report"
)

type benchFlags struct {
	steps, rounds int
	lengths       []int
	plan          []int
	figure        string
	style         report.Style
	against       string
	asJSON        bool
	checksCard    bool
}

func (h *house) newBench() *cobra.Command {
	var f benchFlags
	c := &cobra.Command{
		Use:   "bench [CASE...]",
		Short: "Time the standard cases, or those that are named",
		Long: `Time steps of training of the standard models, each case in a process of its
own: seconds per step, peak memory, and how much of the processor's peak in
multiply-adds, measured first, is used. Cases: ` +
			strings.Join(bench.Names(bench.Standard()), ", ") + `;
by name also ` + strings.Join(bench.Names(bench.Others()), ", ") + `.

With --length a case runs at each length, on 64 sequences, and the exponent of
time and memory is fitted; without CASE it is fig5-L1.

With --plan a step is made on one processor and every task and part of it noted,
each with the least of its times in --steps steps; what that says of other numbers
of processors is printed: the time where steps follow each other closely, the share
of the processors' time that is at work, and the time where they have to be woken.

With --figure the cases are also drawn under the roofline of the machine, its peak
and what its cache and its memory can deliver, in DIR/figure-roofline.svg, .pdf and
.png.

With --against each round also runs another program on the case, and the ratio
of the least times is printed. In the command, which is split into words and
not given to a shell, {case} and {steps} stand for those; without {case} the
name is added as the last word. It has to print a line of JSON with case,
seconds_per_step and peak_mib, and may say in program what it is, as
nn/testdata/oracle.py does: PyTorch in the best of several forms, if its BLAS is
fit to be compared with. Without CASE the
standard models are compared.

With --gpu-check the card is checked, in some minutes: that its bits are those on
record, that it passes the suite of backends, that the sequences which it draws
are those of the processor, that runs on it which are killed go on to the same
files; and the cases are timed on it, whole runs of steps without the program
between them, also 64 of the first case side by side, and the first on fresh
sequences. The exit code is 1 if anything is not as it should be.

` + kernelHelp,
		Example: `  icar bench
  icar bench fig7-H64 --json
  icar bench fig5-L1 --length 50,100,200,400,800,1600,3200,6400
  icar bench fig5-L1 w64 --plan 1,2,16,64
  icar bench --figure bench-out
  icar bench --against "python3 nn/testdata/oracle.py time {case} {steps}"
  icar bench --gpu-check --against "python3 nn/testdata/oracle.py time {case} {steps} cuda"`,
		ValidArgsFunction: func(*cobra.Command, []string, string) (
			[]string, cobra.ShellCompDirective) {
			return bench.Names(bench.Cases()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, names []string) error { return h.benchRun(c, names, f) },
	}
	c.Flags().IntVar(&f.steps, "steps", 20,
		"steps to time in a round, after one that is not counted")
	c.Flags().IntVar(&f.rounds, "rounds", 0,
		"rounds, each in new processes (default 1, 3 with --against)")
	c.Flags().IntSliceVar(&f.lengths, "length", nil, "context lengths to run at, as in 50,100,200")
	c.Flags().IntSliceVar(&f.plan, "plan", nil,
		"numbers of processors to predict a step for, as in 1,2,16,64")
	c.Flags().StringVar(&f.figure, "figure", "", "the `folder` to draw the roofline in")
	addStyle(c.Flags(), &f.style)
	c.Flags().StringVar(&f.against, "against", "", "the `command` to compare with")
	c.Flags().BoolVar(&f.checksCard, "gpu-check", false,
		"check the machine's card and time it: its bits, the suite of backends, kills")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document instead of the table")
	return c
}

func (h *house) benchRun(c *cobra.Command, names []string, f benchFlags) error {
	words := strings.Fields(f.against)
	switch {
	case c.Flags().Changed("against") && len(words) == 0:
		return usage(errors.New(`--against is empty: name a command, as in ` +
			`--against "python3 nn/testdata/oracle.py time"`))
	case len(words) > 0 && len(f.lengths) > 0:
		return usage(errors.New("--against knows one length: leave out --length"))
	case f.steps < 1 || c.Flags().Changed("rounds") && f.rounds < 1:
		return usage(errors.New("nothing would be timed: use --steps and --rounds of 1 or more"))
	}
	if len(f.plan) > 0 {
		if err := f.checkPlan(); err != nil {
			return usage(err)
		}
	}
	if f.rounds == 0 && !f.checksCard {
		f.rounds = 1
		if len(words) > 0 {
			f.rounds = 3
		}
	}
	if f.checksCard {
		return h.checkCard(c, names, f, words)
	}
	cases, err := f.cases(names)
	if err != nil {
		return usage(err)
	}
	// The cases choose for themselves: this one has nothing to run.
	processor, err := h.processorOf(c, onLoops, "")
	if err == nil {
		err = processor.Close()
	}
	if err != nil {
		return err
	}
	loops := processor.Loops
	if len(f.plan) > 0 {
		return f.planRun(c, cases, loops)
	}
	document := benchDocument{Version: outcome.DocumentVersion, Peak: bench.Roofline(loops) / 1e9}
	bar := newProgress(c.ErrOrStderr())
	done := bar.bar("bench", len(cases)*f.rounds)
	for _, one := range cases {
		result, err := f.measure(c.Context(), one, words, loops, document.Peak*1e9, done.step)
		if err != nil {
			done.abort()
			bar.wait()
			return benchFailed(err)
		}
		document.Cases = append(document.Cases, result)
	}
	bar.wait()
	document.Exponents = bench.Growths(document.Cases)
	if f.figure != "" {
		if err := f.draw(c.Context(), cases, document, loops); err != nil {
			return runFailed(err)
		}
	}
	if f.asJSON {
		return printJSON(c.OutOrStdout(), document)
	}
	return document.table(c.OutOrStdout())
}

// benchFailed gives an error its exit code: a program that prints something
// else is bad input.
func benchFailed(err error) error {
	if errors.Is(err, bench.ErrNoResult) {
		return badInput(err)
	}
	return runFailed(err)
}

// cases returns what to run: the named cases at every length.
func (f benchFlags) cases(names []string) ([]bench.Case, error) {
	if len(names) == 0 {
		names = bench.Names(bench.Standard())
		switch {
		case f.against != "" || len(f.plan) > 0:
			names = slices.DeleteFunc(names, func(n string) bool { return n == bench.Sampling })
		case len(f.lengths) > 0:
			names = names[:1]
		}
	}
	chosen, err := bench.Choose(names)
	if err != nil || len(f.lengths) == 0 {
		return chosen, err
	}
	var cases []bench.Case
	for _, c := range chosen {
		for _, length := range f.lengths {
			at := c.AtLength(length)
			if _, err := at.Flops(); err != nil {
				return nil, fmt.Errorf("%s: %w", c.Name, err)
			}
			cases = append(cases, at)
		}
	}
	return cases, nil
}

// measure runs all rounds of a case, this program and the other in turn.
func (f benchFlags) measure(ctx context.Context, c bench.Case, words []string, loops kernel.Kernel,
	peak float64, step func()) (bench.Result, error) {
	self, err := os.Executable()
	if err != nil {
		return bench.Result{}, err
	}
	own := []string{self, benchCaseName, c.Name, "--steps", strconv.Itoa(f.steps)}
	if len(f.lengths) > 0 {
		own = append(own, "--length", strconv.Itoa(c.Config.Length))
	}
	var ours []bench.Sample
	var others []bench.Other
	for range f.rounds {
		var sample bench.Sample
		out, err := bench.Program(ctx, own)
		if err == nil {
			err = json.Unmarshal(out, &sample)
		}
		if err != nil {
			return bench.Result{}, err
		}
		ours = append(ours, sample)
		if len(words) > 0 {
			other, err := bench.Against(ctx, words, c.Name, f.steps)
			if err != nil {
				return bench.Result{}, fmt.Errorf("--against: %w", err)
			}
			others = append(others, other)
		}
		step()
	}
	return bench.Summarise(c, loops.Name(), peak, ours, others)
}

const benchCaseName = "bench-case"

// newBenchCase is the command of the process of one case. It prints a Sample.
func (h *house) newBenchCase() *cobra.Command {
	var steps, length int
	c := &cobra.Command{
		Use: benchCaseName + " CASE", Hidden: true, Short: "Time one case in this process",
		Args: exactly(1, "the case"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			cases, err := bench.Choose(args)
			if err != nil {
				return usage(err)
			}
			processor, err := h.processorOf(c, onLoops, "")
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, processor.Close()) }()
			if length > 0 {
				cases[0] = cases[0].AtLength(length)
			}
			config, err := cases[0].Config.Resolve()
			if err != nil {
				return usage(err)
			}
			sparing(config.Config)
			sample, err := bench.Measure(c.Context(), cases[0], processor.Processor, steps)
			if err != nil {
				return runFailed(err)
			}
			return printJSON(c.OutOrStdout(), sample)
		},
	}
	c.Flags().IntVar(&steps, "steps", 20, "steps to time")
	c.Flags().IntVar(&length, "length", 0, "context length in place of the case's")
	return c
}
