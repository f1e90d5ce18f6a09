package kernel

import (
	"strings"
	"testing"
)

// TestChoose checks that a kernel is found by its name, the default without
// one, and that the error of a wrong name says which there are.
func TestChoose(t *testing.T) {
	available := Available()
	if last := available[len(available)-1].Name(); last != "go" {
		t.Errorf("the last kernel is %s, want go", last)
	}
	for _, want := range available {
		if k, err := Choose(want.Name()); err != nil || k != want {
			t.Errorf("Choose(%q) = %v, %v", want.Name(), k, err)
		}
	}
	if k, err := Choose(""); err != nil || k != available[0] {
		t.Errorf("without a name: %v, %v, want %s", k, err, available[0].Name())
	}
	_, err := Choose("sse")
	if err == nil || !strings.Contains(err.Error(), `"sse"`) || !strings.Contains(err.Error(), "go") {
		t.Errorf("a wrong name gives %v", err)
	}
}
