package web

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"icar/nn"
	"icar/nn/safetensors"
	"icar/sequence"
	"icar/setting"
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
	}{{"the paper's deepest", paper, true}, {"one too wide", wide, false},
		{"one too slow", slow, false}} {
		model, err := c.model.Resolve()
		if err != nil {
			t.Fatal(err)
		}
		if err := fitsPage(model); (err == nil) != c.fits {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A run on sequences of its own is looked into without W, which is not known; no file
// that an upload names is opened.
func TestInsideOfOwnSequences(t *testing.T) {
	law := train.DefaultConfig()
	law.D, law.Length = 2, 4
	s, err := train.Sequences(law, train.TestStream, 10)
	if err != nil {
		t.Fatal(err)
	}
	arrays, err := sequence.Arrays(s, nil)
	path := filepath.Join(t.TempDir(), "s.npy")
	if err := errors.Join(err, sequence.Save(path, arrays)); err != nil {
		t.Fatal(err)
	}
	c := train.DefaultConfig()
	if err := c.Assign(setting.Setting{Key: "data", Value: path},
		setting.Setting{Key: "batch", Value: "1"}); err != nil {
		t.Fatal(err)
	}
	if c, err = new(train.Files).Fill(c); err == nil {
		c, err = c.Resolve()
	}
	if err != nil {
		t.Fatal(err)
	}
	net, err := nn.New[float32](c.Config, c.Seed)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := look(t.Context(), c, net)
	if err != nil {
		t.Fatal(err)
	}
	gamma := seen.at(4).Figures[0]
	if len(gamma.Panels) != 2 || gamma.Panels[0].Title != "Γ of the model" ||
		!strings.Contains(gamma.Caption, "whose W is not known") {
		t.Errorf("%d panels, the first %q, under %q", len(gamma.Panels), gamma.Panels[0].Title,
			gamma.Caption)
	}
	f := safetensors.File{Tensors: nn.Export(nn.Tensors(net.Parameters())),
		Metadata: map[string]string{"settings": string(c.YAML()),
			"config": fmt.Sprintf("%x", sha256.Sum256(c.YAML()))}}
	var doc Document
	if err := errors.Join(os.Remove(path), dropped(t.Context(), &doc, f, nil)); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(doc.Facts); len(doc.Figures) > 0 || !strings.Contains(got,
		"no: its sequences are in "+path) {
		t.Errorf("an upload: %d figures, %s", len(doc.Figures), got)
	}
	if _, err := look(t.Context(), c, net); !errors.As(err, new(refusal)) ||
		!strings.Contains(err.Error(), path+", cannot be read or have changed") {
		t.Errorf("a file that is gone: %v", err)
	}
}
