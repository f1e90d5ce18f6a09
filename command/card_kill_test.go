//go:build unix

package command

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"icar/bench/cardcheck"
	"icar/internal/needs"
	"icar/nn/cuda/card"
)

// Runs on a card that are killed with SIGKILL at 20 moments, while they start, in courses,
// between them, while a checkpoint is written or sequences are drawn, and gone on with, leave
// the files of one go. It is the check of icar bench --gpu-check on an emulator.
func TestKilledOnACard(t *testing.T) {
	needs.Patience(t, "four runs are killed 20 times")
	t.Parallel()
	env := append(onCards(t, "emulator"), kernelVariable+"="+card.Name, runAsCommand+"=1")
	icar := func(ctx context.Context, args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, os.Args[0], args...)
		c.Env = env
		return c
	}
	kills := cardRuns(icar, []string{"--d", "2", "--length", "4", "--batch", "4", "--train", "16",
		"--test", "4", "--epochs", "40"}, 160, 16)
	kills.Folder = t.TempDir()
	killed := 0
	kills.Run(t.Context(), func(f cardcheck.Finding) {
		if f.Wrong != nil {
			t.Errorf("%s: %v", f.Detail, f.Wrong)
		}
		t.Log(f.Detail)
		if _, moments, is := strings.Cut(f.Detail, "killed after ["); is {
			moments, _, _ = strings.Cut(moments, "]")
			killed += len(strings.Fields(moments))
		}
	})
	if killed != cardKills {
		t.Errorf("there were %d kills, want %d", killed, cardKills)
	}
}
