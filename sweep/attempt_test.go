package sweep

import (
	"path/filepath"
	"strings"
	"testing"

	"icar/run"
)

// A run goes on in any arithmetic of its processor; where it is in none of them, the error
// is that of the first.
func TestRunsOpenInAnyArithmeticOfTheProcessor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	dir, err := run.Create(path, []byte("d: 2\n"), run.NewInfo(1, "go"))
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Close(); err != nil {
		t.Fatal(err)
	}
	for _, all := range [][]string{{"go", "fma"}, {"cuda-fma", "fma", "go"}} {
		opened, saved, err := openIn(path, all)
		if err != nil || saved.Info.Arithmetic != "go" {
			t.Fatalf("%q: %+v, %v", all, saved.Info, err)
		}
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := openIn(path, []string{"cuda-fma", "fma"}); err == nil ||
		!strings.Contains(err.Error(), "the arithmetic go, this would be cuda-fma") {
		t.Errorf("in none of them: %v", err)
	}
}
