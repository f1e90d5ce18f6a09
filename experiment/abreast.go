package experiment

import (
	"cmp"
	"runtime"
	"slices"

	"icar/nn"
	"icar/outcome"
)

// least is the least number of trials at a time on a card: one or two leave most of it idle.
const least = 16

// AtOnce is how many trials are run at a time on p: one a processor of the machine. On a card
// they are twice as many, for they mostly wait for the card, or for a compiler while others
// make steps, and no fewer than it has use for.
func AtOnce(p nn.Processor) int {
	if p = p.Or(); p.Card() {
		return max(2*runtime.GOMAXPROCS(0), least)
	}
	return runtime.GOMAXPROCS(0)
}

// Abreast returns trials in the order in which they are best begun: those that are alike
// after the first of them, else in the order of the plan.
func Abreast(e Experiment, plan []outcome.Trial) []outcome.Trial {
	kind := func(t outcome.Trial) string { return cmp.Or(e.Alike(t), t.ID) }
	first := map[string]int{}
	for i, t := range plan {
		if _, known := first[kind(t)]; !known {
			first[kind(t)] = i
		}
	}
	order := slices.Clone(plan)
	slices.SortStableFunc(order, func(a, b outcome.Trial) int {
		return first[kind(a)] - first[kind(b)]
	})
	return order
}

// begin returns the trials that begin at once: one by one where the processors share them
// out; on a card those that are alike, for it makes as many steps for a few as for one.
func begin(e Experiment, plan []outcome.Trial, o Options) (all [][]outcome.Trial) {
	card := o.Processor.Or().Card()
	for _, t := range Abreast(e, plan) {
		last := len(all) - 1
		if card && last >= 0 && len(all[last]) < o.Workers && e.Alike(t) != "" &&
			e.Alike(t) == e.Alike(all[last][0]) {
			all[last] = append(all[last], t)
			continue
		}
		all = append(all, []outcome.Trial{t})
	}
	return all
}
