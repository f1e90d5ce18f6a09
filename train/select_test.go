package train

import (
	"slices"
	"strconv"
	"testing"

	"icar/run"
)

func itself(r Listed) Listed { return r }

// Four runs stand in another order by each key, and one of which nothing is known last,
// in both directions.
func TestRunsAreOrderedByEachKey(t *testing.T) {
	values := map[string][]float64{ // of the runs 0, 1, 2 and 3
		"error": {1, 2, 4, 3}, "best": {1, 3, 2, 4}, "loss": {1, 3, 4, 2}, "step": {2, 1, 3, 4},
		"time": {2, 1, 4, 3}, "name": {4, 2, 3, 1}, "tags": {4, 1, 2, 3}, "path": {3, 4, 1, 2},
	}
	var runs []Listed
	for i := range 4 {
		of := func(key string) float64 { return values[key][i] }
		text := func(key string) string { return strconv.Itoa(int(of(key))) }
		loss := of("loss")
		runs = append(runs, Listed{Path: text("path"), Step: int(of("step")), Loss: &loss,
			Label: run.Label{Name: text("name"), Tags: []string{text("tags")}}, Seconds: of("time"),
			Evaluation: &run.Evaluation{TestMSE: of("error")},
			Best:       &Best{TestMSE: of("best")}})
	}
	for key, of := range values {
		for _, reverse := range []bool{false, true} {
			all := slices.Clone(runs)
			known := key == "step" || key == "time" // of each run, and 0 of this one
			if !known {
				all = slices.Insert(all, 1, Listed{})
			}
			s := Selection{Sort: key, Reverse: reverse}
			sorted := Select(s, all, itself)
			for place, d := range sorted[:4] {
				rank := float64(place + 1)
				if reverse {
					rank = float64(4 - place)
				}
				if i := slices.Index(of, rank); d.Path != runs[i].Path {
					t.Errorf("by %s, reversed %v: run %q is number %d, want %q", key, reverse, d.Path,
						place, runs[i].Path)
				}
			}
			if !known && sorted[4].Path != "" {
				t.Errorf("by %s, reversed %v: %+v is last", key, reverse, sorted[4])
			}
		}
	}
	three := 3.0
	below := Selection{Sort: "error", Below: &three}
	if chosen := Select(below, append(runs, Listed{}), itself); len(chosen) != 2 ||
		chosen[0].Path != runs[0].Path || chosen[1].Path != runs[1].Path {
		t.Errorf("below 3: %+v", chosen)
	}
}
