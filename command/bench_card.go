package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"icar/bench"
	"icar/bench/cardcheck"
	"icar/internal/visible"
	"icar/nn/cuda/card"
)

// Sizes of a check of a card, where the flags of bench do not say another.
const (
	cardSteps  = 200
	cardRounds = 7
	cardSeeds  = 64
	cardKills  = 20
)

// checkCard checks and times the machine's card.
func (h *house) checkCard(c *cobra.Command, names []string, f benchFlags,
	words []string) (err error) {
	if f.asJSON || len(f.lengths)+len(f.plan) > 0 || f.figure != "" {
		return usage(errors.New("--gpu-check prints lines, of cases as they are: leave out " +
			"--json, --length, --plan and --figure"))
	}
	if slices.Contains(names, bench.Sampling) {
		return usage(errors.New("--gpu-check times steps of training: leave out " + bench.Sampling))
	}
	if len(names) == 0 {
		names = slices.DeleteFunc(bench.Names(bench.Standard()),
			func(n string) bool { return n == bench.Sampling })
	}
	cases, err := bench.Choose(names)
	if err != nil {
		return usage(err)
	}
	opened, err := h.cards.open(c.Context())
	if err != nil {
		return runFailed(fmt.Errorf("no card to check: %w", err))
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	kills, err := killedRuns()
	if err != nil {
		return runFailed(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(kills.Folder)) }()
	check := cardcheck.Check{Device: opened, Suites: cardcheck.Suites(), Cases: cases,
		Steps: cardSteps, Rounds: cmp.Or(f.rounds, cardRounds), Seeds: cardSeeds, Kills: kills}
	if c.Flags().Changed("steps") {
		check.Steps = f.steps
	}
	if len(words) > 0 {
		check.Against = func(ctx context.Context, name string) (bench.Other, error) {
			return bench.Against(ctx, words, name, f.steps)
		}
	}
	p := opened.Properties()
	fmt.Fprintf(c.OutOrStdout(), "card %s, %s: compute capability %d.%d, %d multiprocessors, "+
		"%d MiB, %d KiB of shared memory a block\n", p.Name, cmp.Or(p.Driver, "no driver"),
		p.Capability[0], p.Capability[1], p.Multiprocessors, p.Memory>>20, p.SharedPerBlock>>10)
	wrong, err := check.Run(c.Context(),
		func(f cardcheck.Finding) { printFinding(c.OutOrStdout(), f) })
	switch {
	case err != nil:
		return runFailed(err)
	case wrong > 0:
		return failure{exitClaimFailed, fmt.Errorf("the card fails in %d of these lines", wrong)}
	}
	return nil
}

// printFinding prints a line of a check.
func printFinding(out io.Writer, f cardcheck.Finding) {
	verdict := "ok"
	if f.Wrong != nil {
		verdict = "WRONG"
		f.Detail += ": " + strings.ReplaceAll(f.Wrong.Error(), "\n", "; ")
	}
	fmt.Fprintf(out, "%-8s %-5s %s\n", f.What, verdict, visible.Text(f.Detail))
}

// killedRuns are those of a check, which a card makes in a second each once its driver is
// awake and has the kernels: the first to start leaves them to the others.
func killedRuns() (k cardcheck.Kills, err error) {
	self, err := os.Executable()
	if err != nil {
		return k, err
	}
	folder, err := os.MkdirTemp("", "icar-card")
	if err != nil {
		return k, err
	}
	k = cardRuns(func(ctx context.Context, args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, self, args...)
		c.Env = append(os.Environ(), kernelVariable+"="+card.Name,
			"CUDA_CACHE_PATH="+filepath.Join(folder, "compiled"))
		return c
	}, []string{"--depth", "4", "--batch", "1024", "--train", "4096", "--test", "64",
		"--epochs", "1000"}, 4000, 16)
	k.Folder = folder
	return k, nil
}

// cardRuns are runs of so many epochs that are killed, with so many checkpoints: on a set
// and on fresh sequences, which are drawn while they are trained on, with gradients as they
// are and clipped. The kernels of all are those of one shape. icar makes a command of
// arguments.
func cardRuns(icar func(ctx context.Context, args ...string) *exec.Cmd, size []string,
	steps, checkpoints int) cardcheck.Kills {
	kind := func(name string, flags ...string) cardcheck.Run {
		return cardcheck.Run{Name: name, Steps: steps,
			Train: func(ctx context.Context, dir string) *exec.Cmd {
				args := slices.Concat([]string{"train", "--quiet", "--out", dir,
					"--checkpoint_every", strconv.Itoa(steps / checkpoints),
					"--eval_every", strconv.Itoa(steps / 4)}, size, flags)
				return icar(ctx, args...)
			}}
	}
	return cardcheck.Kills{Wanted: cardKills,
		Runs: []cardcheck.Run{kind("set"), kind("fresh", "--fresh"),
			kind("clipped", "--clip", "0.1"),
			kind("fresh, clipped", "--fresh", "--clip", "0.1")},
		Resume: func(ctx context.Context, dir string) *exec.Cmd {
			return icar(ctx, "train", "--resume", dir, "--quiet")
		}}
}
