package experiment

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"icar/nn"
	"icar/outcome"
)

// kindConfig is of a kind by its remainder, if there is one.
type kindConfig struct{ toyConfig }

func (c kindConfig) Alike() string { return []string{"", "one", "two"}[c.N%3] }

// kinds are nine trials, that run as run does.
func kinds(run func(context.Context, kindConfig) (toyResult, error)) Experiment {
	return Define(Spec[kindConfig, toyResult]{
		Name: "kinds",
		Trials: func(outcome.Scale, uint64) (all []kindConfig) {
			for n := range 9 {
				all = append(all, kindConfig{toyConfig{n + 1}})
			}
			return all
		},
		Run: run,
		Collect: func(all []Done[kindConfig, toyResult]) (Findings, error) {
			for i, d := range all {
				if d.Found.Square != i+1 {
					return Findings{}, fmt.Errorf("result %d is that of %d", i+1, d.Found.Square)
				}
			}
			return Findings{}, nil
		},
	})
}

// Trials that are alike are begun one after the other, where the first of them stood, and
// the results keep the order of the plan.
func TestAlikeTrialsAreBegunTogether(t *testing.T) {
	var begun []int
	e := kinds(func(_ context.Context, c kindConfig) (toyResult, error) {
		begun = append(begun, c.N)
		return toyResult{c.N}, nil
	})
	if _, _, err := Reproduce(context.Background(), e, Options{Workers: 1}, nil); err != nil {
		t.Fatal(err)
	}
	if want := []int{1, 4, 7, 2, 5, 8, 3, 6, 9}; !slices.Equal(begun, want) {
		t.Errorf("they are begun in the order %v, want %v", begun, want)
	}
}

// aCard is a processor that says it is one.
func aCard() nn.Processor {
	p := nn.Processor{}.Or()
	p.Arithmetic = "of a card"
	return p
}

// On a card those that are alike begin at once, also where there is room for one of them
// before, and never are there more than there may be.
func TestAlikeTrialsBeginAtOnceOnACard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var most, running int
		met := map[string]int{} // of a kind at a time, the most
		now := map[string]int{}
		e := kinds(func(_ context.Context, c kindConfig) (toyResult, error) {
			enter := func(by int) {
				mu.Lock()
				defer mu.Unlock()
				running, now[c.Alike()] = running+by, now[c.Alike()]+by
				most, met[c.Alike()] = max(most, running), max(met[c.Alike()], now[c.Alike()])
			}
			enter(1)
			time.Sleep(time.Second) // which begins to pass when all have begun
			enter(-1)
			return toyResult{c.N}, nil
		})
		if _, _, err := Reproduce(context.Background(), e,
			Options{Workers: 4, Processor: aCard()}, nil); err != nil {
			t.Fatal(err)
		}
		if most > 4 || met["one"] != 3 || met["two"] != 3 {
			t.Errorf("of %d trials at a time %v of a kind", most, met)
		}
		most = 0 // fewer than are alike: not all of them begin at once
		if _, _, err := Reproduce(context.Background(), e,
			Options{Workers: 2, Processor: aCard()}, nil); err != nil || most != 2 {
			t.Errorf("%d trials at a time where 2 may be, %v", most, err)
		}
	})
}

// On a card there are enough trials at a time to fill it.
func TestTrialsAtOnce(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	loops := nn.Processor{}.Or()
	card := aCard()
	for _, test := range []struct {
		on               nn.Processor
		processors, want int
	}{{loops, 2, 2}, {nn.Processor{}, 3, 3}, {card, 2, 16}, {card, 16, 32}} {
		runtime.GOMAXPROCS(test.processors)
		if got := AtOnce(test.on); got != test.want {
			t.Errorf("%s with %d processors: %d trials, want %d", test.on.Arithmetic,
				test.processors, got, test.want)
		}
	}
}
