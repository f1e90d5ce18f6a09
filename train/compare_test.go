package train

import (
	"fmt"
	"slices"
	"testing"
)

// What is set comes back from Changed, and nothing that follows from it, such as
// the width from d and the tokens; another law comes back with its settings.
func TestChangedIsWhatWasSet(t *testing.T) {
	for file, want := range map[string]string{
		"{}":                           "[]",
		"d: 5\ntokens: augmented\n":    "[]",
		"d: 3\nseed: 2\n":              "[d=3 seed=2]",
		"tokens: order\norder: 3\n":    "[tokens=order order=3]",
		"tokens: order\norder: 2\n":    "[tokens=order]",
		"law: tents\nslope: 1.5\n":     "[law=tents slope=1.5]",
		"law: tents\nd: 3\nembed: 9\n": "[law=tents]",
	} {
		c := own(t).Config()
		if err := c.Decode([]byte(file)); err != nil {
			t.Fatal(err)
		}
		c, err := c.Resolve()
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(c.Changed()); got != want {
			t.Errorf("of %q %s is changed, want %s", file, got, want)
		}
	}
}

// Configurations differ in what one has and the other has not, too.
func TestDiffering(t *testing.T) {
	catalogue := own(t)
	a, b := catalogue.Config(), catalogue.Config()
	if got := Differing(a, b); len(got) != 0 {
		t.Errorf("equal configurations differ in %v", got)
	}
	b.Law, b.Seed = "tents", 1
	if got := Differing(a, b); !slices.Contains(got, "slope") || !slices.Contains(got, "mu") ||
		!slices.Contains(got, "seed") || slices.Contains(got, "depth") {
		t.Errorf("they differ in %v", got)
	}
}
