package command

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"icar/bench"
	"icar/bench/cardcheck"
	"icar/nn/kernel"
)

// bench says of every case what it ran on.
func TestBenchOnACard(t *testing.T) {
	t.Parallel()
	code, said := ends(t, onCards(t, "emulator"), "bench", "fig5-L1", "w256", "--length", "1",
		"--steps", "1")
	on := func(name, kernel string) bool {
		for line := range strings.Lines(said) {
			words := strings.Fields(line)
			if len(words) == 8 && words[0] == name && words[7] == kernel {
				return true
			}
		}
		return false
	}
	if code != exitDone || !on("fig5-L1", "cuda") || !on("w256", kernel.Available()[0].Name()) {
		t.Errorf("it ends with %d: %s", code, said)
	}
}

// A check of a card needs one, and prints lines.
func TestCheckOfNoCard(t *testing.T) {
	t.Parallel()
	env := onCards(t, "")
	code, said := ends(t, env, "bench", "--gpu-check")
	if want := "icar: no card to check: no card in tests: there is no device\n"; said != want ||
		code != exitRunFailed {
		t.Errorf("it ends with %d: %q, want %q", code, said, want)
	}
	for _, args := range [][]string{{"--json"}, {"--length", "5"}, {"--plan", "2"},
		{"--figure", t.TempDir()}, {bench.Sampling}, {"abacus"}} {
		if code, said := ends(t, env, append([]string{"bench", "--gpu-check"},
			args...)...); code != exitUsage {
			t.Errorf("%v ends with %d: %s", args, code, said)
		}
	}
}

// What is wrong with a card is said of each check, also after others, and ends a check with exit
// code 1. The runs that were killed are no longer there.
func TestCheckOfAWrongCard(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	code, said := ends(t, append(onCards(t, "lost-0"), "TMPDIR="+folder), "bench", "--gpu-check",
		"fig5-L1")
	var wrong []string
	for line := range strings.Lines(said) {
		if what, why, is := strings.Cut(line, " WRONG "); is {
			wrong = append(wrong, strings.TrimSpace(what))
			if !strings.Contains(why, "the device is lost: it was taken away") {
				t.Errorf("%s is wrong for another reason: %s", what, why)
			}
		}
	}
	want := []string{"bits", "backend", "draws", "time", "seeds", "fresh",
		"kills", "kills", "kills", "kills"}
	if code != exitClaimFailed || !strings.HasPrefix(said, "card emulator, no driver: ") ||
		!strings.HasSuffix(said, "\nicar: the card fails in 10 of these lines\n") ||
		!slices.Equal(wrong, want) {
		t.Errorf("it ends with %d, wrong are %q, want %q: %s", code, wrong, want, said)
	}
	if exists(t, filepath.Join(folder, "*")) {
		t.Error("the runs are left")
	}
}

// A finding is a line, whatever is said in it.
func TestFindingsAreLines(t *testing.T) {
	for want, f := range map[string]cardcheck.Finding{
		"time     ok    1 ms\n": {What: "time", Detail: "1 ms"},
		"bits     WRONG of a: b; \\u001b[2Jc\n": {What: "bits", Detail: "of a",
			Wrong: errors.New("b\n\x1b[2Jc")},
	} {
		var out strings.Builder
		if printFinding(&out, f); out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	}
}

// What is killed runs on the card, and its driver compiles for all runs of a check and for no
// other: what an earlier check has left would hide a start that takes long.
func TestKilledRuns(t *testing.T) {
	k, err := killedRuns()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(k.Folder); err != nil { // it is empty
		t.Error(err)
	}
	compiled := "CUDA_CACHE_PATH=" + filepath.Join(k.Folder, "compiled")
	for _, r := range k.Runs {
		for _, c := range []*exec.Cmd{r.Train(t.Context(), "run"), k.Resume(t.Context(), "run")} {
			if !slices.Contains(c.Env, compiled) || !slices.Contains(c.Env, "ICAR_KERNEL=cuda") {
				t.Errorf("%q has the environment %q", c.Args, c.Env)
			}
		}
	}
}
