package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"icar/nn/cuda/device"
)

// losing is a device that is lost after so many launches.
type losing struct {
	device.Device
	left int32
}

func (l *losing) Launch(ctx context.Context, work []device.Launch) error {
	if atomic.AddInt32(&l.left, -1) < 0 {
		return fmt.Errorf("%w: it was taken away", device.ErrLost)
	}
	return l.Device.Launch(ctx, work)
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
