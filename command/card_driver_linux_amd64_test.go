package command

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"icar/internal/needs"
	"icar/nn/kernel"
)

// The whole way to a card, with a library in the driver's place that does not know the
// kernels, or is old, or has no card: what it says comes out in one line.
func TestWayToTheDriver(t *testing.T) {
	t.Parallel()
	needs.Programs(t, "gcc", "gcc")
	folder := t.TempDir()
	out, err := exec.Command("gcc", "-w", "-shared", "-fPIC", "-o",
		filepath.Join(folder, "libcuda.so.1"), "../nn/cuda/driver/testdata/fake.c").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for fault, want := range map[string]string{
		"": "icar: the card is not used, and networks run on " + kernel.Available()[0].Name() +
			": its self-check, linear: the kernel ",
		"old": ": the card, Fake 9000, is too old: it has compute capability 6.1, " +
			"and the kernels need 7.0\n",
		"jit":      ": its self-check, linear: the NVIDIA driver cannot compile the kernels: ",
		"full":     ": its self-check, linear: the kernel ",
		"nodevice": "",
	} {
		env := append(onCards(t, "nvidia"), "LD_LIBRARY_PATH="+folder, "ICAR_FAKE_CUDA="+fault)
		said := trainedOn(t, env, filepath.Join(folder, "run"+fault))
		if !strings.Contains(said, want) || strings.Count(said, "card") > 0 != (want != "") {
			t.Errorf("%s: it says %q, want %q", fault, said, want)
		}
		if got := fact(t, filepath.Join(folder, "run"+fault), "arithmetic"); got != "fma" {
			t.Errorf("%s: the arithmetic is %s", fault, got)
		}
	}
}
