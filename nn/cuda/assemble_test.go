package cuda_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"icar/internal/needs"
	"icar/nn/cuda"
	"icar/nn/cuda/devicetest"
)

// spills matches what ptxas says of the bytes of a thread for which registers do not suffice.
var spills = regexp.MustCompile(`(\d+) bytes spill stores`)

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
		text := filepath.Join(t.TempDir(), "kernels.ptx")
		kernels := cuda.TextFor(newModel(t, c.Config, 1), 1024, 50)
		if err := os.WriteFile(text, []byte(kernels), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, target := range []string{"sm_70", "sm_90"} {
			out, err := exec.Command("ptxas", "-v", "-arch="+target, "-o", text+".cubin",
				text).CombinedOutput()
			if err != nil {
				t.Errorf("%s, %s: %v\n%s", c.Name, target, err, out)
			}
			for _, found := range spills.FindAllSubmatch(out, -1) {
				bytes, err := strconv.Atoi(string(found[1]))
				if c.Config.Embed <= 32 && bytes > mostSpilled || err != nil {
					t.Errorf("%s, %s: registers do not suffice\n%s", c.Name, target, out)
				}
			}
		}
	}
}
