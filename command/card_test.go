package command

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"icar/nn/cuda"
	"icar/nn/kernel"
)

// A card is taken where nothing is said, but for what is done before its driver has
// compiled anything.
func TestCardIsTheDefault(t *testing.T) {
	t.Parallel()
	env := slices.DeleteFunc(onCards(t, "emulator"), func(v string) bool {
		return strings.HasPrefix(v, kernelVariable+"=")
	})
	folder := t.TempDir()
	plan, database := filepath.Join(folder, "plan.yaml"),
		"ICAR_DATABASE="+filepath.Join(folder, "sweep.db")
	if err := os.WriteFile(plan, []byte("base: {d: 2}\ngrid: {seed: [0]}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		says string // what is said of a card, "" for nothing
		args []string
	}{
		{"networks run on the card, emulator", tinyRun(filepath.Join(folder, "run"))},
		{"", []string{"reproduce", "fig3-unitary", "--scale", "quick", "--out", t.TempDir()}},
		{"networks run on the card, emulator", []string{"reproduce", "fig3-unitary", "--scale",
			"paper", "--out", t.TempDir()}},
		{"", []string{"bench", "fig5-L1", "--length", "1", "--steps", "1"}},
		{"networks run on the card, emulator", []string{"sweep", "create", plan}},
	} {
		code, said := ends(t, append(env, database), test.args...)
		if code != exitDone || !strings.Contains(said, test.says) ||
			test.says == "" && (strings.Contains(said, "card") || strings.Contains(said, "cuda")) {
			t.Errorf("%q ends with %d: %q, without %q", test.args, code, said, test.says)
		}
	}
	var said log
	serve := child(t.Context(), &said, "serve", "--address", "127.0.0.1:0")
	serve.Env, serve.Dir = append(serve.Env, env...), folder
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the page's card", func() bool {
		return strings.Contains(said.String(), "networks run on the card, emulator")
	})
	if err := serve.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = serve.Wait() // it was killed
}

// Of a card that draws other bits it is said, by everything that trains on it, that the
// processor draws.
func TestCardThatDrawsOtherBits(t *testing.T) {
	t.Parallel()
	folder, env := t.TempDir(), onCards(t, "misread")
	const line = "the processor draws the sequences of a run on the card: " +
		"the card draws other bits than the processor"
	code, said := ends(t, env, append(tinyRun(filepath.Join(folder, "run")), "--fresh")...)
	if code != exitDone || strings.Count(said, "icar: "+line+"\n") != 1 {
		t.Errorf("train ends with %d: %q, want %q once", code, said, line)
	}
	plan := filepath.Join(folder, "plan.yaml")
	if err := os.WriteFile(plan, []byte("base: {d: 2, length: 4, batch: 4, train: 8, test: 4, "+
		"epochs: 1, fresh: true}\ngrid: {seed: [0]}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	env = append(env, "ICAR_DATABASE="+filepath.Join(folder, "sweep.db"))
	sweeping(t, env, "create", plan)
	code, said = ends(t, env, "sweep", "work", "--files", filepath.Join(folder, "files"))
	if code != exitDone || strings.Count(said, line) != 1 {
		t.Errorf("a worker ends with %d: %q, want %q once", code, said, line)
	}
}

// tinyRun is a run that an emulator makes in a moment.
func tinyRun(dir string) []string {
	return []string{"train", "--d", "2", "--length", "4", "--batch", "4", "--train", "16",
		"--test", "4", "--epochs", "3", "--eval_every", "4", "--checkpoint_every", "3", "--quiet",
		"--out", dir}
}

// trainedOn trains the small run and returns what was said.
func trainedOn(t *testing.T, env []string, dir string) string {
	t.Helper()
	code, said := ends(t, env, tinyRun(dir)...)
	if code != exitDone {
		t.Fatalf("it ends with %d: %s", code, said)
	}
	return said
}

// fact returns a line of run.json.
func fact(t *testing.T, dir, key string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok &&
			name == strconv.Quote(key) {
			return strings.Trim(value, `",`)
		}
	}
	return ""
}

// Where there is a card a run takes it, says so in one line and has its arithmetic on
// record; the same run again has the same files.
func TestTrainTakesTheCard(t *testing.T) {
	t.Parallel()
	env, folder := onCards(t, "emulator"), t.TempDir()
	first, second := filepath.Join(folder, "first"), filepath.Join(folder, "second")
	const want = "icar: networks run on the card, emulator, in the arithmetic cuda-fma\n"
	if said := trainedOn(t, env, first); !strings.Contains(said, want) {
		t.Errorf("it says %q, without %q", said, want)
	}
	if got := fact(t, first, "arithmetic"); got != cuda.Arithmetic {
		t.Errorf("run.json has the arithmetic %q", got)
	}
	trainedOn(t, env, second)
	want2 := files(t, first)
	for name, content := range files(t, second) {
		if content != want2[name] && name != "label.json" {
			t.Errorf("%s of the same run differs", name)
		}
	}
	plain := filepath.Join(folder, "plain")
	if said := trainedOn(t, onCards(t, ""), plain); strings.Contains(said, "card") {
		t.Errorf("without a card it says %q", said)
	}
	if files(t, plain)["checkpoint.safetensors"] == want2["checkpoint.safetensors"] {
		t.Error("the card has the bits of the processor: was it used?")
	}
}

// Who insists on a card that is not there, or cannot be used, is told why in one line;
// who does not, has the processor, and is told of a card that is there.
func TestInsistingOnACard(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ card, why, said string }{
		{"", "no card in tests: there is no device", ""},
		{"full", "its memory is full", "icar: the card is not used, and networks run on " +
			kernel.Available()[0].Name() + ": its memory is full\n"},
	} {
		folder, env := t.TempDir(), onCards(t, test.card)
		insisting := append(env, kernelVariable+"=cuda")
		for _, args := range [][]string{tinyRun(filepath.Join(folder, "run")),
			{"reproduce", "fig5", "--out", folder}, {"bench", "fig5-L1"}, {"serve"}} {
			code, said := ends(t, insisting, args...)
			want := "icar: ICAR_KERNEL=cuda: " + test.why + "; ICAR_KERNEL=auto takes the " +
				"processor where no card can be used\n"
			if code != exitRunFailed || said != want {
				t.Errorf("%s ends with %d: %q, want %q", args[0], code, said, want)
			}
		}
		if said := trainedOn(t, env, filepath.Join(folder, "run")); strings.Contains(said,
			"card") != (test.said != "") || !strings.Contains(said, test.said) {
			t.Errorf("it says %q, want %q", said, test.said)
		}
		_, said := ends(t, env, "version")
		if want := "\ncard none: " + test.why + "\n"; !strings.Contains(said, want) {
			t.Errorf("version says %q, want %q", said, want)
		}
	}
	if _, said := ends(t, onCards(t, "emulator"), "version"); !strings.Contains(said,
		"\ncard emulator (cuda-fma)\n") {
		t.Errorf("version says %q of a card", said)
	}
}

// A card that is lost ends a run with exit code 4 and its last checkpoint, from which it
// goes on to the bits of one go; without a card it does not go on.
func TestCardIsLost(t *testing.T) {
	t.Parallel()
	folder, env := t.TempDir(), onCards(t, "emulator")
	whole, lost := filepath.Join(folder, "whole"), filepath.Join(folder, "lost")
	trainedOn(t, env, whole)
	code, said := ends(t, onCards(t, "lost-11"), tinyRun(lost)...)
	want := "the device is lost: it was taken away; go on with icar train --resume " + lost
	if code != exitRunFailed || !strings.Contains(said, want) ||
		strings.Count(said, "the device is lost") != 1 {
		t.Errorf("it ends with %d: %q, want %q", code, said, want)
	}
	if exists(t, filepath.Join(lost, "done.json")) {
		t.Error("it is complete: the card has to be lost earlier")
	}
	code, said = ends(t, onCards(t, ""), "train", "--resume", lost)
	if code != exitInput || !strings.Contains(said,
		"was computed in the arithmetic cuda-fma, this would be fma") {
		t.Errorf("without a card it goes on with %d: %q", code, said)
	}
	if code, said = ends(t, env, "train", "--resume", lost, "--quiet"); code != exitDone {
		t.Fatalf("with a card it goes on with %d: %q", code, said)
	}
	got := files(t, lost)
	for name, content := range files(t, whole) {
		if got[name] != content {
			t.Errorf("%s is not that of one go", name)
		}
	}
}

// A run that was computed without a card goes on without one, also where there is one.
func TestRunsKeepTheirArithmetic(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	trainedOn(t, onCards(t, ""), dir)
	code, said := ends(t, onCards(t, "emulator"), "train", "--resume", dir, "--epochs", "4",
		"--quiet")
	if code != exitDone || strings.Contains(said, "card") || fact(t, dir, "arithmetic") != "fma" {
		t.Errorf("it goes on with %d in %s: %q", code, fact(t, dir, "arithmetic"), said)
	}
}

// A model that the card does not run is on the processor, in its arithmetic, and the reason
// is said in one line.
func TestModelsThatTheCardLeaves(t *testing.T) {
	t.Parallel()
	dir, env := filepath.Join(t.TempDir(), "run"), onCards(t, "emulator")
	code, said := ends(t, env, append(tinyRun(dir), "--embed", "66")...)
	want := fmt.Sprintf("icar: a model runs on %s and not on the card: embed 66",
		kernel.Available()[0].Name())
	if code != exitDone || strings.Count(said, want) != 1 || fact(t, dir, "arithmetic") != "fma" {
		t.Errorf("it ends with %d in %s: %q, want %q once", code, fact(t, dir, "arithmetic"), said,
			want)
	}
}

// A worker whose card is lost gives its trials back and ends with exit code 4; another
// does them. A sweep for cards can be created where there is none.
func TestWorkerLosesItsCard(t *testing.T) {
	t.Parallel()
	env, _ := database(t, "sqlite")
	file := filepath.Join(t.TempDir(), "plan.yaml")
	if err := os.WriteFile(file, []byte("base: {d: 2, length: 4, batch: 4, train: 8, test: 4, "+
		"epochs: 2, eval_every: 0, checkpoint_every: 1}\ngrid: {seed: [0, 1, 2]}\n"),
		0o644); err != nil {
		t.Fatal(err)
	}
	sweeping(t, append(append(onCards(t, ""), env...), kernelVariable+"=cuda"), "create", file)
	work := func(card string) (int, string) {
		return ends(t, append(onCards(t, card), env...), "sweep", "work", "--parallel", "2")
	}
	if code, said := work(""); code != exitInput || !strings.Contains(said,
		"the sweep is computed in the arithmetic cuda-fma, this machine's is fma") {
		t.Errorf("without a card it ends with %d: %s", code, said)
	}
	if code, said := work("lost-12"); code != exitRunFailed || !strings.Contains(said,
		"the device is lost: it was taken away; icar sweep work goes on from there") {
		t.Errorf("with a card that is lost it ends with %d: %s", code, said)
	}
	code, said := work("emulator")
	if code != exitDone || !strings.Contains(said, "3 trials done, 0 failed, 0 cancelled") ||
		!strings.Contains(said, "networks run on the card, emulator") {
		t.Errorf("with a card it ends with %d: %s", code, said)
	}
}

// Experiments take the card: their trials are of its arithmetic, and the outcome is the
// same with any number of them at a time.
func TestReproduceTakesTheCard(t *testing.T) {
	t.Parallel()
	env, folder := onCards(t, "emulator"), t.TempDir()
	var results [][]byte
	for _, workers := range []string{"1", "3"} {
		out := filepath.Join(folder, workers)
		code, said := ends(t, env, "reproduce", "fig5", "--out", out, "--workers", workers,
			"--set", "train=4", "--set", "batch=4", "--set", "test=4", "--set", "length=2",
			"--set", "epochs=1", "--set", "warmup=0", "--set", "depth=1", "--set", "norm=true")
		if code != exitDone && code != exitClaimFailed { // claims are of other sizes
			t.Fatalf("it ends with %d: %s", code, said)
		}
		if want := "networks run on the card, emulator"; !strings.Contains(said, want) {
			t.Errorf("it says %q, without %q", said, want)
		}
		data, err := os.ReadFile(filepath.Join(out, "fig5", "result.json"))
		if err != nil || !strings.Contains(string(data), `"arithmetic": "cuda-fma"`) {
			t.Errorf("result.json (%v) has no trial in cuda-fma: %.300s", err, data)
		}
		results = append(results, data)
	}
	if string(results[0]) != string(results[1]) {
		t.Error("one and three trials at a time have other outcomes")
	}
}
