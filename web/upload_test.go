package web

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A checkpoint of a run shows the matrices of its model, q, k, v and o among
// them, and nothing of what the optimiser remembers.
func TestDroppedCheckpointShowsItsWeights(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "run")
	trainRun(t, folder, 2, nil)
	file, err := os.ReadFile(filepath.Join(folder, "checkpoint.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := new(Server).model(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	var titles []string
	for _, f := range doc.Figures {
		if f.Name == "model" {
			for _, p := range f.Panels {
				titles = append(titles, p.Title)
			}
		}
	}
	want := "layers.0.k.weight layers.0.o.weight layers.0.q.weight layers.0.v.weight out.weight"
	if got := strings.Join(titles, " "); got != want {
		t.Errorf("the matrices shown are %s, want %s", got, want)
	}
}
