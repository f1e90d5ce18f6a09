package sweep_test

import (
	"fmt"
	"strings"
	"testing"

	"icar/sweep"
	"icar/train"
)

const whole = `
base: {epochs: 2, d: 4}
grid: {depth: [1, 2], seed: [0, 1, 2]}
zip: {heads: [1, 2], embed: [12, 24]}
random: {samples: 3, seed: 7, learning_rate: {log: [0.0001, 0.01]}, length: {integers: [10, 20]}, rho: {uniform: [0.5, 1]}, tokens: {choice: [augmented]}}
attempts: 2
stop_on_failure: true
`

func TestPlan(t *testing.T) {
	p, err := sweep.DecodePlan([]byte(whole), nil)
	if err != nil {
		t.Fatal(err)
	}
	trials, repeated, err := p.Trials("go")
	if err != nil || len(trials) != 2*3*2*3 || repeated != 0 || p.Attempts != 2 ||
		!p.StopOnFailure {
		t.Fatalf("%d trials, %d repeated, %v, %+v", len(trials), repeated, err, p)
	}
	again, _, err := p.Trials("go")
	if err != nil || sweep.Name("p", again) != sweep.Name("p", trials) ||
		sweep.Name("q", again) == sweep.Name("p", trials) {
		t.Errorf("another name the second time: %v", err)
	}
	other, _, err := p.Trials("fma")
	if err != nil || other[0].ID == trials[0].ID {
		t.Errorf("the same identity under another arithmetic, %v", err)
	}
	for i, s := range trials {
		c := train.DefaultConfig()
		if err := c.Decode(s.Config); err != nil {
			t.Fatal(err)
		}
		zip, grid := i/3%2, i/6
		if c.D != 4 || c.Depth != 1+grid/3 || c.Seed != uint64(grid%3) || c.Heads != 1+zip ||
			c.Embed != 12*(1+zip) ||
			c.LearningRate < 1e-4 || c.LearningRate > 1e-2 || c.Length < 10 || c.Length > 20 ||
			c.Rho < 0.5 || c.Rho > 1 {
			t.Errorf("trial %d: %s", i, s.Config)
		}
	}
}

// TestRepeated leaves out what resolves to the same configuration.
func TestRepeated(t *testing.T) {
	p, err := sweep.DecodePlan([]byte("grid: {width: [0, 15], seed: [1, 2]}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	trials, repeated, err := p.Trials("go")
	if err != nil || len(trials) != 2 || repeated != 2 {
		t.Errorf("%d trials, %d repeated, %v", len(trials), repeated, err)
	}
}

func TestWrongPlans(t *testing.T) {
	for file, wanted := range map[string]string{
		"gird: {depth: [1]}":                                `line 1: unknown key "gird": did you mean grid?`,
		"grid:\n  deptj: [1]":                               `line 2: the settings: unknown key "deptj": did you mean depth?`,
		"grid:\n  depth: 1":                                 "line 2: depth: want a list of values",
		"grid: {depth: []}":                                 "want a list of values",
		"grid: 7":                                           "want lines KEY: VALUE below it",
		"base: {depth: 1}\ngrid: {depth: [1]}":              "depth is set by grid and by base",
		"zip: {depth: [1, 2], heads: [1]}":                  "depth has 2 values and heads has 1",
		"random: {depth: {integers: [1, 2]}}":               "samples is missing",
		"random: {samples: 2}":                              "samples of nothing",
		"random: {samples: 2, mu: {unifrom: [1, 2]}}":       "did you mean uniform?",
		"random: {samples: 2, mu: {uniform: [2, 1]}}":       "is no interval",
		"random: {samples: 2, mu: {log: [0, 1]}}":           "a logarithm needs",
		"random: {samples: 2, depth: {integers: [1.5, 2]}}": "give whole numbers",
		"attempts: 0":                                       "want a whole number from 1",
		"stop_on_failure: maybe":                            "want true or false",
		"grid: {depth: [1]}\ngrid: {depth: [2]}":            "not YAML",
		"grid: [":                                           "not YAML",
		"grid: {depth: [one]}":                              `depth: "one" is not a whole number`,
		"grid: {embed: [15, 17]}":                           "trial 2, [embed=17]",
		"random: {samples: 1000000, mu: {uniform: [1, 2]}}\ngrid: {d: [1, 2]}": "more than 1000000 " +
			"trials",
	} {
		p, err := sweep.DecodePlan([]byte(file), nil)
		if err == nil {
			_, _, err = p.Trials("go")
		}
		if err == nil || !strings.Contains(err.Error(), wanted) || strings.Contains(err.Error(),
			"\n") {
			t.Errorf("%s\n got %v\nwant %s", file, err, wanted)
		}
	}
}

// FuzzPlan finds files that crash the decoder, or whose plan changes from one
// expansion to the next.
func FuzzPlan(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("grid:\n  depth: [1, 2]\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := sweep.DecodePlan(file, nil)
		if err != nil {
			if strings.Contains(err.Error(), "\n") && !strings.Contains(string(file), "\n") {
				t.Errorf("more than a line: %q", err)
			}
			return
		}
		n := 1
		for _, g := range p.Grid {
			n *= len(g.Values)
		}
		if n > 100 || p.Samples > 100 {
			return
		}
		a, _, err1 := p.Trials("go")
		b, _, err2 := p.Trials("go")
		if fmt.Sprint(err1) != fmt.Sprint(err2) || sweep.Name("p", a) != sweep.Name("p", b) {
			t.Errorf("%v, %v", err1, err2)
		}
	})
}
