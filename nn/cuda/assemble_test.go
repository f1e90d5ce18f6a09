package cuda_test

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"icar/ar"
	"icar/internal/needs"
	"icar/nn/cuda"
	"icar/nn/cuda/devicetest"
)

// spills matches what ptxas says of the bytes of a thread for which registers do not suffice.
var spills = regexp.MustCompile(`(\d+) bytes spill stores`)

// used matches what it says of kernels and of their registers.
var used = regexp.MustCompile(`(entry function '\w+'|\d+ registers)`)

// mostSpilled is how many they may be: kernels of sequences put aside what lives across
// their loops, and what loops work on has registers.
const mostSpilled = 512

// TestNVIDIAsAssemblerTakesTheKernels assembles the kernels of all models, for batches of
// the experiments' size, for the oldest and for a later kind of card: the emulator might
// take what NVIDIA's own tools do not. Up to D = 32 little has to leave the registers.
func TestNVIDIAsAssemblerTakesTheKernels(t *testing.T) {
	needs.Time(t, "assembling takes a minute")
	needs.Programs(t, "Debian's nvidia-cuda-toolkit (non-free), for its ptxas", "ptxas")
	for _, c := range devicetest.Cases() {
		most := mostSpilled
		if c.Config.Embed > 32 {
			most = math.MaxInt
		}
		assemble(t, c.Name, cuda.TextFor(newModel(t, c.Config, 1), 1024, 50), most)
	}
}

// TestNVIDIAsAssemblerTakesWhatDraws does so with the kernels that draw sequences, of which W
// of up to nine coordinates has all its numbers in registers.
func TestNVIDIAsAssemblerTakesWhatDraws(t *testing.T) {
	needs.Time(t, "assembling takes seconds, and a program that is seldom there")
	needs.Programs(t, "Debian's nvidia-cuda-toolkit (non-free), for its ptxas", "ptxas")
	for d, most := range map[int]int{1: 0, 5: 0, 9: 0, 11: mostSpilled} {
		by := drawing(ar.New(ar.Haar, d), ar.Augmented, 1024, 50)
		assemble(t, fmt.Sprint("d = ", d), cuda.DrawnText(by), most)
	}
}

// assemble assembles kernels, of which a thread may put that many bytes aside.
func assemble(t *testing.T, name, kernels string, most int) {
	t.Helper()
	text := filepath.Join(t.TempDir(), "kernels.ptx")
	if err := os.WriteFile(text, []byte(kernels), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"sm_70", "sm_90"} {
		out, err := exec.Command("ptxas", "-v", "-arch="+target, "-o", text+".cubin",
			text).CombinedOutput()
		found := spills.FindAllSubmatch(out, -1)
		t.Logf("%s, %s: %s", name, target, used.FindAll(out, -1))
		if err != nil || len(found) == 0 {
			t.Errorf("%s, %s: %v\n%s", name, target, err, out)
		}
		for _, kernel := range found {
			if bytes, err := strconv.Atoi(string(kernel[1])); bytes > most || err != nil {
				t.Errorf("%s, %s: registers do not suffice\n%s", name, target, out)
			}
		}
	}
}
