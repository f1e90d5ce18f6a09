package web

import (
	"testing"

	"icar/train"
)

// Every model of the paper is looked into; one that would take minutes is not,
// though none of its sizes is too large by itself.
func TestModelsTooLarge(t *testing.T) {
	paper := train.DefaultConfig()
	paper.Depth = 6
	wide, slow := paper, paper
	wide.Embed = 75
	slow.D, slow.Embed, slow.Depth, slow.MLP, slow.Length = 21, 63, 16, 252, 100
	for _, c := range []struct {
		name  string
		model train.Config
		fits  bool
	}{{"the paper's deepest", paper, true}, {"one too wide", wide, false}, {"one too slow", slow, false}} {
		model, err := c.model.Resolve()
		if err != nil {
			t.Fatal(err)
		}
		if err := fitsPage(model); (err == nil) != c.fits {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
