package command

import (
	"runtime/debug"
	"testing"

	"icar/bench"
)

// TestLargeModelsSpareMemory looks at the collector's percentage as sparing leaves it,
// for the models of the benchmark.
func TestLargeModelsSpareMemory(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	for _, test := range []struct {
		name, gogc string
		want       int
	}{
		{"fig7-H64", "", 100}, {"w256", "", 10}, {"w256", "70", 100},
	} {
		t.Setenv("GOGC", test.gogc)
		cases, err := bench.Choose([]string{test.name})
		if err != nil {
			t.Fatal(err)
		}
		config, err := cases[0].Config.Resolve()
		if err != nil {
			t.Fatal(err)
		}
		debug.SetGCPercent(100)
		sparing(config.Config)
		if got := debug.SetGCPercent(100); got != test.want {
			t.Errorf("%s with GOGC %q: %d per cent, want %d", test.name, test.gogc, got, test.want)
		}
	}
}
