package probe

import (
	"slices"
	"strings"
	"testing"

	"icar/figure"
	"icar/train"
)

// The text says what the maps are, of which sequences, and how far off.
func TestMapNoteByHand(t *testing.T) {
	by := &Differenced{Step: 0.5, Typical: 0.01, Error: 0.2}
	for _, c := range []struct {
		note MapNote
		want string
	}{
		{MapNote{Kind: "derivative", Sequences: 9}, "derivative."},
		{MapNote{Kind: "derivative", Sequences: 8, Total: true},
			"derivative, the estimators' maps too, of the first 8 sequences."},
		{MapNote{Kind: "derivative", Sequences: 9, By: by}, "derivative, at the step 0.5, off by 1 % " +
			"in the median and 20 % at most where that was measured."},
	} {
		if got := c.note.sentence(9); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// A control that could not be had is told, and another in its place stands above its column.
func TestResemblanceSectionWithoutAControl(t *testing.T) {
	r := Resemblance{Algorithms: []string{"zero", "ridge"}, Trained: figure.Values{0.1, 0.9},
		Untrained: figure.Values{0.2, 0.3}, Permuted: figure.Values{0.4, 0.5},
		Exceeds: []bool{false, true}}
	whole := resemblanceSection(Analysis{Resemblance: r})
	r.Permuted, r.Control = nil, "a readout"
	half := resemblanceSection(Analysis{Resemblance: r})
	for _, c := range []struct {
		is     figure.Section
		header string
		row    string
		told   bool
	}{
		{whole, "THE SAME UNTRAINED|THE SAME PERMUTED", "1|ridge|0.9|0.3|0.5", false},
		{half, "BY A READOUT|THE SAME PERMUTED", "1|ridge|0.9|0.3|–", true},
	} {
		if got := strings.Join(c.is.Header, "|"); got != "LAYER|MOST LIKE|SIMILARITY|"+c.header {
			t.Errorf("header %s, want %s", got, c.header)
		}
		if got := strings.Join(c.is.Rows[0], "|"); got != c.row {
			t.Errorf("row %s, want %s", got, c.row)
		}
		for _, text := range []string{"in its place is a readout.", "so that control is missing."} {
			if strings.Contains(c.is.Text, text) != c.told {
				t.Errorf("%q: %v of %s", text, !c.told, c.is.Text)
			}
		}
	}
}

// A model is looked at on the test sequences of its law, beside what was fitted on the
// training sequences, which are others; the noise of the law is known.
func TestDrawHasTestAndFittingSequences(t *testing.T) {
	c := configuration(bare)
	c.Sigma = 0.25
	g, err := Draw(c, 50)
	if err != nil {
		t.Fatal(err)
	}
	test, err := train.Sequences(c, train.TestStream, 50)
	if err != nil {
		t.Fatal(err)
	}
	fitting, err := train.Sequences(c, train.TrainStream, fittedOn)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(g.Test.States, test.States) || !slices.Equal(g.Fitting.States, fitting.States) ||
		slices.Equal(test.States[:20], fitting.States[:20]) || g.Sigma != 0.25 || g.Floor != nil {
		t.Errorf("%d and %d sequences, noise %v, floor %v", g.Test.N, g.Fitting.N, g.Sigma, g.Floor)
	}
}
