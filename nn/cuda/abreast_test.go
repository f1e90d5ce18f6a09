package cuda_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/emulator"
)

// TestRunsSideBySide trains runs of other seeds, learning rates, bounds and, of some,
// sequences together and alone, one of which diverges: each comes to the same bits, and the
// one keeps what it had before the step that failed.
func TestRunsSideBySide(t *testing.T) {
	general := rich()
	general.Activation, general.MLPNorm, general.Position = "", false, nn.AdditivePosition
	for kind, c := range map[string]nn.Config{"general": general, "folded": foldedCase()} {
		t.Run(kind, func(t *testing.T) { sideBySide(t, c) })
	}
}

func sideBySide(t *testing.T, c nn.Config) {
	ctx := context.Background()
	broken := draw(c, 2, 33, 1)
	broken[1].Y[5] = float32(math.Inf(1))
	data := [][]batch{draw(c, 2, 33, 1), draw(c, 2, 33, 1), draw(c, 2, 33, 2), broken}
	run := func(which ...int) (results [][]uint32, outcomes []cuda.Outcome) {
		device := emulator.New()
		var models []model
		var courses []cuda.Course
		shared, _ := hold(t, device, data[0])
		for _, i := range which {
			models = append(models, newModel(t, c, uint64(i)))
			set, order := hold(t, device, data[i])
			if i < 2 {
				set = shared
			}
			courses = append(courses, cuda.Course{First: 1 + i,
				Rates: []float64{0.01 * float64(i+1), 0.01, 0.01}, Clip: []float64{0, 1, 0, 2}[i],
				Set: set, Order: append(order, order[0])})
		}
		trainer, err := cuda.NewTrainer(ctx, device, cuda.Shape{N: 33, T: c.Length, Steps: 3},
			models...)
		if err != nil {
			t.Fatal(err)
		}
		outcomes, err = trainer.Steps(ctx, courses)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range models {
			state := stateOf(t, m)
			if err := trainer.Fetch(ctx, i, state); err != nil {
				t.Fatal(err)
			}
			results = append(results, all32(m, state))
		}
		return results, outcomes
	}
	together, outcomes := run(0, 1, 2, 3)
	for i := range together {
		alone, outcome := run(i)
		if !slices.Equal(together[i], alone[0]) {
			t.Errorf("run %d comes to other bits beside others", i)
		}
		if !slices.Equal(outcomes[i].Losses, outcome[0].Losses) {
			t.Errorf("run %d: losses %v beside others, %v alone", i, outcomes[i].Losses,
				outcome[0].Losses)
		}
		if want := [4]int{3, 3, 3, 1}[i]; len(outcomes[i].Losses) != want {
			t.Errorf("run %d made %d steps, want %d", i, len(outcomes[i].Losses), want)
		}
		for _, v := range together[i] {
			if x := math.Float32frombits(v); x-x != 0 {
				t.Fatalf("run %d has a weight or a moment of %v", i, x)
			}
		}
	}
}

// TestIdleRunsStay checks that a run without a course keeps weights and moments while another
// makes steps, and makes its own afterwards as if it had been alone.
func TestIdleRunsStay(t *testing.T) {
	for kind, c := range map[string]nn.Config{"rich": rich(), "folded": foldedCase()} {
		t.Run(kind, func(t *testing.T) { idleStays(t, c) })
	}
}

func idleStays(t *testing.T, c nn.Config) {
	ctx, d := context.Background(), emulator.New()
	set, order := hold(t, d, draw(c, 1, 3, 1))
	course := cuda.Course{First: 1, Rates: []float64{0.01}, Clip: 0.5, Set: set, Order: order}
	run := func(rounds ...[]cuda.Course) []uint32 {
		m := newModel(t, c, 1)
		trainer, err := cuda.NewTrainer(ctx, d, cuda.Shape{N: 3, T: c.Length, Steps: 1}, m,
			newModel(t, c, 2))
		if err != nil {
			t.Fatal(err)
		}
		for _, courses := range rounds {
			if _, err := trainer.Steps(ctx, courses); err != nil {
				t.Fatal(err)
			}
		}
		state := stateOf(t, m)
		if err := errors.Join(trainer.Fetch(ctx, 0, state), trainer.Close(ctx)); err != nil {
			t.Fatal(err)
		}
		return all32(m, state)
	}
	idle := []cuda.Course{{}, course}
	m := newModel(t, c, 1)
	if !slices.Equal(run(idle), all32(m, stateOf(t, m))) {
		t.Error("a run without a course has changed")
	}
	second := course
	second.First = 2
	apart := run([]cuda.Course{course, course}, idle, []cuda.Course{second, course})
	if !slices.Equal(apart, run([]cuda.Course{course, course}, []cuda.Course{second, course})) {
		t.Error("a run that was idle comes to other bits")
	}
}
