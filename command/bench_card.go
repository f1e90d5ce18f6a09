package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
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
	if f.asJSON || len(f.lengths) > 0 {
		return usage(errors.New("--gpu-check prints lines, of cases as they are: leave out --json " +
			"and --length"))
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
	kills, err := cardRuns()
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
	wrong, err := check.Run(c.Context(), func(f cardcheck.Finding) {
		verdict := "ok"
		if f.Wrong != nil {
			verdict = "WRONG"
			f.Detail += ": " + strings.ReplaceAll(f.Wrong.Error(), "\n", "; ")
		}
		fmt.Fprintf(c.OutOrStdout(), "%-8s %-5s %s\n", f.What, verdict, visible.Text(f.Detail))
	})
	switch {
	case err != nil:
		return runFailed(err)
	case wrong > 0:
		return failure{exitClaimFailed, fmt.Errorf("the card fails %d checks", wrong)}
	}
	return nil
}

// cardRuns are the runs that are killed: on a card each takes some seconds, with a
// checkpoint every few steps.
func cardRuns() (k cardcheck.Kills, err error) {
	self, err := os.Executable()
	if err != nil {
		return k, err
	}
	icar := func(ctx context.Context, args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, self, args...)
		c.Env = append(os.Environ(), kernelVariable+"="+card.Name)
		return c
	}
	k = cardcheck.Kills{Wanted: cardKills,
		Train: func(ctx context.Context, dir string) *exec.Cmd {
			return icar(ctx, "train", "--batch", "256", "--train", "4096", "--epochs", "40",
				"--test", "64", "--checkpoint_every", "20", "--quiet", "--out", dir)
		},
		Resume: func(ctx context.Context, dir string) *exec.Cmd {
			return icar(ctx, "train", "--resume", dir, "--quiet")
		}}
	k.Folder, err = os.MkdirTemp("", "icar-card")
	return k, err
}
