package command

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"icar/nn/kernel"
)

// The version names every kernel that ICAR_KERNEL can choose here, the default first.
func TestVersionNamesKernels(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := icarMain([]string{"version"}, &stdout, &stderr)
	lines := strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
	var want []string
	for _, k := range kernel.Available() {
		want = append(want, k.Name()+" ("+k.Arithmetic()+")")
	}
	if code != exitDone || !slices.Contains(lines, "kernels "+strings.Join(want, ", ")) {
		t.Errorf("exit code %d, %q, want the kernels %v", code, lines, want)
	}
}

// The binary tells the licences of what is linked into it: the files of the
// checkout, to the byte.
func TestVersionTellsLicences(t *testing.T) {
	var want []byte
	for i, name := range []string{"../LICENSE", "../NOTICE"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			want = append(want, '\n')
		}
		want = append(want, text...)
	}
	var stdout, stderr bytes.Buffer
	code := icarMain([]string{"version", "--licenses"}, &stdout, &stderr)
	if code != exitDone || !bytes.Equal(stdout.Bytes(), want) || stderr.Len() > 0 {
		t.Errorf("exit code %d, %d bytes, want %d; stderr %q", code, stdout.Len(), len(want),
			stderr.String())
	}
}
