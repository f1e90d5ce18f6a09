package train

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"icar/run"
)

// The weights after every third step stay, from the first on, whatever stops the run
// in between.
func TestKeepEvery(t *testing.T) {
	c := small() // 8 steps, a checkpoint every 3
	c.KeepEvery, c.CheckpointEvery = 3, 2
	model := firstModel(t, c)
	snapshot := func() (all []float32) {
		for _, p := range model.Parameters() {
			all = append(all, p.Data...)
		}
		return all
	}
	after := [][]float32{snapshot()}
	whole := newDir(t, c)
	if _, _, err := Train(t.Context(), c, Options{Model: model, Dir: whole,
		Observe: func(run.Metric) { after = append(after, snapshot()) }}); err != nil {
		t.Fatal(err)
	}
	kept, err := run.Run{Path: whole.Path()}.Kept()
	if err != nil || len(kept) != 3 {
		t.Fatalf("kept %v, %v", kept, err)
	}
	for i, k := range kept {
		m, err := Load(c, k.Path)
		if err != nil || k.Step != 3*i {
			t.Fatalf("step %d, %v", k.Step, err)
		}
		var all []float32
		for _, p := range m.Parameters() {
			all = append(all, p.Data...)
		}
		if !slices.Equal(all, after[k.Step]) {
			t.Errorf("the weights kept of step %d are others", k.Step)
		}
	}

	stopped := newDir(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	_, _, err = Train(ctx, c, Options{Dir: stopped, Observe: func(m run.Metric) {
		if m.Step == 4 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := stopped.Close(); err != nil {
		t.Fatal(err)
	}
	dir, saved, err := run.Open(stopped.Path(), "go", false)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = Train(t.Context(), c, Options{Dir: dir, Saved: &saved})
	if err := errors.Join(err, dir.Close()); err != nil {
		t.Fatal(err)
	}
	again, err := run.Run{Path: dir.Path()}.Kept()
	if err != nil || len(again) != 3 {
		t.Fatalf("kept %v, %v", again, err)
	}
	for i, k := range again {
		a, err := os.ReadFile(k.Path)
		b, err2 := os.ReadFile(kept[i].Path)
		if errors.Join(err, err2) != nil || !slices.Equal(a, b) {
			t.Errorf("step %d of a run that was stopped is kept with other bytes", k.Step)
		}
	}
}
